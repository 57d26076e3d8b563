"""`client_credentials` with `private_key_jwt`: the same rules, and `invalid_client` for what authenticates nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.keys import make_key
from tests.support.registrar import RegisteredClient
from tests.support.tokens import claims_of
from tests.web.conftest import assert_issued, assert_refused


def test_an_authenticated_client_gets_a_token(authority: Authority, client: RegisteredClient) -> None:
    """The scope stands in the form, and the token is the one a grant would get."""
    answer = authority.post(client.credentials_form())
    assert_issued(answer)
    assert claims_of(answer.token)["sub"] == client.id
    assert answer.json["scope"] == client.scopes[0]


@pytest.mark.parametrize("typ", ["client-authentication+jwt", "JWT", "jwt"])
def test_the_assertion_may_say_what_it_is(authority: Authority, client: RegisteredClient, typ: str) -> None:
    """An assertion for client authentication may be typed as such, or as any JWT."""
    own = client.claims(sub=client.id, scope=None)
    form = {**client.credentials_form(), "client_assertion": client.key.jwt(own, typ=typ)}
    assert_issued(authority.post(form))


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "nobody", "sub": "nobody"}, "MP-100"),
        ({"sub": None}, "AS-112"),
        ({"sub": "other"}, "AS-111"),
        ({"aud": "https://kanarifugl7.example/"}, "MP-110"),
        ({"exp": 1, "iat": 0}, "MP-130"),
        ({"jti": None}, "AS-112"),
        ({"jti": 1}, "MP-011"),
        ({"scope": "kanarifugl7"}, "MP-011"),
        ({"consumer_org": "974761076"}, "MP-011"),
    ],
)
def test_an_assertion_that_authenticates_nobody_is_an_invalid_client(
    authority: Authority, client: RegisteredClient, claims: dict[str, Any], code: str
) -> None:
    """Whatever is wrong with the assertion, the error is `invalid_client` and the status 401 (RFC 7521 §4.2.1)."""
    answer = authority.post(client.credentials_form(**claims))
    assert_refused(answer, 401, "invalid_client", code, client.id, "kanarifugl7")


def test_the_audience_must_be_the_issuer_and_not_the_endpoint(authority: Authority, client: RegisteredClient) -> None:
    """The address of the token endpoint, once usual, is refused (RFC 10070 §4)."""
    answer = authority.post(client.credentials_form(aud=f"{authority.issuer}token"))
    assert_refused(answer, 401, "invalid_client", "MP-110")


@pytest.mark.parametrize("assertion", ["x", "e30.e30.YQ", "a.b.c.d.e"])
def test_an_assertion_that_is_no_jwt_is_an_invalid_client(
    authority: Authority, client: RegisteredClient, assertion: str
) -> None:
    """A malformed assertion authenticates nobody either."""
    answer = authority.post({**client.credentials_form(), "client_assertion": assertion})
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_a_foreign_key_authenticates_nobody(authority: Authority, client: RegisteredClient) -> None:
    """A signature by any other key is `invalid_client`."""
    forged = make_key("ES256", client.key.kid).jwt(client.claims(sub=client.id, scope=None))
    answer = authority.post({**client.credentials_form(), "client_assertion": forged})
    assert_refused(answer, 401, "invalid_client", "MP-124")


def test_an_assertion_authenticates_once(authority: Authority, client: RegisteredClient) -> None:
    """The same assertion again is refused, in whichever role it comes."""
    form = client.credentials_form()
    assert_issued(authority.post(form))
    assert_refused(authority.post(form), 401, "invalid_client", "MP-012")


def test_a_jti_is_shared_between_the_two_roles(authority: Authority, client: RegisteredClient) -> None:
    """A `jti` spent on a grant is spent for client authentication too."""
    assert_issued(authority.token(client, jti="both-roles"))
    assert_refused(authority.post(client.credentials_form(jti="both-roles")), 401, "invalid_client", "MP-012")


def test_a_disabled_client_is_an_invalid_client(authority: Authority) -> None:
    """A client that is disabled cannot authenticate."""
    client = authority.registry.granted_client()
    authority.registry.set_client(client, active=False)
    assert_refused(authority.post(client.credentials_form()), 401, "invalid_client", "AS-101")


def test_what_is_no_matter_of_authentication_keeps_its_own_error(
    authority: Authority, client: RegisteredClient
) -> None:
    """A scope that the authenticated client may not have is `invalid_scope`, access is `forbidden`, as for a grant."""
    unknown = {**client.credentials_form(), "scope": "kanarifugl7:read"}
    assert_refused(authority.post(unknown), 400, "invalid_scope", "MP-200", "kanarifugl7")
    ungranted = authority.registry.client(authority.registry.scope())
    assert_refused(authority.post(ungranted.credentials_form()), 403, "forbidden", "MP-250")


def test_a_client_id_beside_the_assertion_must_be_the_same(authority: Authority, client: RegisteredClient) -> None:
    """`client_id` is not needed, and may not name another (RFC 7521 §4.2)."""
    assert_issued(authority.post({**client.credentials_form(), "client_id": client.id}))
    other = authority.post({**client.credentials_form(), "client_id": "kanarifugl7"})
    assert_refused(other, 400, "invalid_request", "AS-008", "kanarifugl7")


def test_a_supplier_may_act_for_a_consumer(authority: Authority) -> None:
    """`consumer_org` stands in the form, and does what the claim of a grant does."""
    registry = authority.registry
    scope = registry.scope(delegable=True)
    supplier, consumer = registry.client(scope), registry.organisation()
    registry.grant(scope, consumer)
    form = {"consumer_org": consumer}
    assert_refused(authority.post({**supplier.credentials_form(), **form}), 403, "forbidden", "MP-251")
    registry.delegate(consumer, supplier.orgno, scope)
    answer = authority.post({**supplier.credentials_form(), **form})
    assert_issued(answer)
    assert claims_of(answer.token)["consumer"]["ID"] == f"0192:{consumer}"


def test_a_grant_is_no_client_authentication_and_the_reverse(authority: Authority, client: RegisteredClient) -> None:
    """What was signed for one role is refused in the other (RFC 8725 §3.12)."""
    as_credentials = {**client.credentials_form(), "client_assertion": client.assertion()}
    assert authority.post(as_credentials).json["error"] == "invalid_client"
    as_grant = {**client.form(), "assertion": client.credentials_form()["client_assertion"]}
    assert_refused(authority.post(as_grant), 400, "invalid_grant", "AS-023")


def test_the_maskinporten_profile_has_no_client_credentials(
    authority: Authority, legacy_client: RegisteredClient
) -> None:
    """A client held to that profile is told that it may not use this grant."""
    answer = authority.post(legacy_client.credentials_form())
    assert_refused(answer, 400, "unauthorized_client", "AS-201")
