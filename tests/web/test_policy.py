"""What a client may have: scopes of its own, access, delegation, resource, lifetime, and nothing that is disabled."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.authority import Authority
from tests.support.keys import make_key
from tests.support.registrar import JWT_BEARER, RegisteredClient, Registrar
from tests.support.tokens import claims_of
from tests.web.conftest import assert_issued, assert_refused

AUDIENCE = "https://api.example/data"


@pytest.fixture(scope="module")
def registry(authority: Authority) -> Registrar:
    """The registry of the authority under test."""
    return authority.registry


@pytest.fixture(scope="module")
def bound(registry: Registrar) -> RegisteredClient:
    """A client whose scope is for one API."""
    return registry.granted_client(registry.scope(audience=AUDIENCE))


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("kanarifugl7:read", "MP-200"),
        ("kanarifugl7", "MP-200"),
        ("", "AS-202"),
        (" ", "AS-202"),
        ("a:b  c:d", "AS-202"),
        (" a:b", "AS-202"),
        ("a:b\n", "AS-202"),
        ("a:b\tc:d", "AS-202"),
        ('a:"kanarifugl7"', "AS-202"),
        ("a:\\kanarifugl7", "AS-202"),
        ("a:b\u00a0c:d", "AS-202"),
        (" ".join(f"a:{number}" for number in range(33)), "AS-202"),
        ("a:" + "b" * 254, "AS-202"),
    ],
)
def test_a_scope_that_is_unknown_or_no_scope_is_invalid(
    authority: Authority, client: RegisteredClient, scope: str, code: str
) -> None:
    """Scopes are the client's own, in the grammar of RFC 6749 §3.3."""
    assert_refused(authority.token(client, scope=scope), 400, "invalid_scope", code, "kanarifugl7")


def test_the_scope_of_another_client_is_invalid(authority: Authority, client: RegisteredClient) -> None:
    """A scope that exists, but is not registered on this client, is as unknown to it as any other."""
    other = authority.registry.granted_client()
    assert_refused(authority.token(client, scope=other.scopes[0]), 400, "invalid_scope", "MP-200", other.scopes[0])


def test_a_scope_in_other_letters_is_another_scope(authority: Authority, client: RegisteredClient) -> None:
    """Scopes are compared to the letter."""
    assert_refused(authority.token(client, scope=client.scopes[0].upper()), 400, "invalid_scope", "MP-200")


def test_one_scope_too_many_refuses_the_request(authority: Authority, client: RegisteredClient) -> None:
    """All or nothing: a token never carries less than was asked."""
    asked = f"{client.scopes[0]} kanarifugl7:read"
    assert_refused(authority.token(client, scope=asked), 400, "invalid_scope", "MP-200", "kanarifugl7")


def test_access_that_was_never_granted_is_mp_250(authority: Authority, registry: Registrar) -> None:
    """A client may register a scope, and gets no token with it before its organisation has access."""
    client = registry.client(registry.scope())
    answer = authority.token(client)
    assert_refused(answer, 403, "forbidden", "MP-250")
    assert f"granted access to the scope {client.scopes[0]}." in answer.json["error_description"]


def test_a_scope_accessible_for_all_needs_no_grant(authority: Authority, registry: Registrar) -> None:
    """The owner may open a scope to everyone."""
    assert_issued(authority.token(registry.client(registry.scope(accessible_for_all=True))))


Disable = Callable[[Registrar, RegisteredClient], None]


@pytest.mark.parametrize(
    ("disable", "refusal"),
    [
        (lambda r, c: r.set_client(c, active=False), (400, "invalid_grant", "AS-101")),
        (lambda r, c: r.remove_key(c), (400, "invalid_grant", "AS-103")),
        (lambda r, c: r.set_organisation(c.orgno, active=False), (400, "invalid_grant", "AS-207")),
        (lambda r, c: r.set_scope(c.scopes[0], active=False), (400, "invalid_scope", "AS-203")),
        (lambda r, c: r.set_prefix(c.scopes[0].partition(":")[0], active=False), (400, "invalid_scope", "AS-203")),
        (lambda r, c: r.set_organisation(r.owner(c.scopes[0]), active=False), (400, "invalid_grant", "AS-207")),
        (lambda r, c: r.revoke(c.scopes[0], c.orgno), (403, "forbidden", "MP-250")),
    ],
    ids=["client", "key", "organisation", "scope", "prefix", "owner", "access"],
)
def test_whatever_is_disabled_refuses(
    authority: Authority, registry: Registrar, disable: Disable, refusal: tuple[int, str, str]
) -> None:
    """One disabled link in the chain is enough, also right after a token was issued."""
    client = registry.granted_client()
    assert_issued(authority.token(client))
    disable(registry, client)
    assert_refused(authority.token(client), *refusal, client.id)


def test_an_expired_key_is_refused(authority: Authority, registry: Registrar) -> None:
    """A key stops at the second that was registered for it."""
    client = registry.granted_client()
    brief, end = make_key(), int(time.time()) + 2
    registry.add_key(client, brief, expires_at=end)
    time.sleep(max(0, end - time.time()))
    answer = authority.post({"grant_type": JWT_BEARER, "assertion": brief.jwt(client.claims())})
    assert_refused(answer, 400, "invalid_grant", "MP-121")
    assert_issued(authority.token(client))


def test_a_scope_for_other_kinds_of_clients_is_mp_201(authority: Authority, registry: Registrar) -> None:
    """A scope that stops admitting this kind of client refuses those already registered."""
    scope = registry.scope()
    client = registry.granted_client(scope)
    registry.narrow(scope, "krr")
    assert_refused(authority.token(client), 400, "invalid_scope", "MP-201", scope)


class TestDelegation:
    """`consumer_org`: a supplier asks on behalf of a consumer."""

    @pytest.fixture
    def scope(self, registry: Registrar) -> str:
        return registry.scope(delegable=True)

    @pytest.fixture
    def supplier(self, registry: Registrar, scope: str) -> RegisteredClient:
        return registry.client(scope)

    @pytest.fixture
    def consumer(self, registry: Registrar, scope: str) -> str:
        orgno = registry.organisation()
        registry.grant(scope, orgno)
        return orgno

    def test_a_delegated_token_names_both_parties(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """Consumer, supplier and the register that proves the delegation stand in the token."""
        registry.delegate(consumer, supplier.orgno, scope)
        answer = authority.token(supplier, consumer_org=consumer)
        assert_issued(answer)
        claims = claims_of(answer.token)
        assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{consumer}"}
        assert claims["supplier"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{supplier.orgno}"}
        assert claims["delegation_source"] == authority.issuer

    def test_without_a_delegation_it_is_mp_251(
        self, authority: Authority, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """The consumer's access alone is not the supplier's."""
        answer = authority.token(supplier, consumer_org=consumer)
        assert_refused(answer, 403, "forbidden", "MP-251")
        told = f"Consumer {consumer} has not delegated access to the scope {scope} to supplier {supplier.orgno}."
        assert told in answer.json["error_description"]

    def test_without_access_of_the_consumer_it_is_mp_250(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient
    ) -> None:
        """A delegation gives nothing that the consumer does not have."""
        consumer = registry.organisation()
        registry.delegate(consumer, supplier.orgno, scope)
        assert_refused(authority.token(supplier, consumer_org=consumer), 403, "forbidden", "MP-250")

    def test_a_delegation_to_another_supplier_does_not_count(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """A mandate is personal."""
        registry.delegate(consumer, registry.organisation(), scope)
        assert_refused(authority.token(supplier, consumer_org=consumer), 403, "forbidden", "MP-251")

    def test_a_delegation_of_another_scope_does_not_count(
        self, authority: Authority, registry: Registrar, supplier: RegisteredClient, consumer: str
    ) -> None:
        """A mandate is for its scopes."""
        registry.delegate(consumer, supplier.orgno, registry.scope(delegable=True))
        assert_refused(authority.token(supplier, consumer_org=consumer), 403, "forbidden", "MP-251")

    def test_a_delegation_is_not_handed_on(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """Who has a mandate from one who has a mandate has none."""
        middle = registry.organisation()
        registry.delegate(consumer, middle, scope)
        registry.delegate(middle, supplier.orgno, scope)
        assert_refused(authority.token(supplier, consumer_org=consumer), 403, "forbidden", "MP-251")
        assert_refused(authority.token(supplier, consumer_org=middle), 403, "forbidden", "MP-250")

    def test_a_scope_that_is_not_delegable_is_refused(
        self, authority: Authority, registry: Registrar, consumer: str
    ) -> None:
        """Only a scope whose owner allows it can be asked for on another's behalf."""
        client = registry.granted_client()
        assert_refused(authority.token(client, consumer_org=consumer), 403, "forbidden", "AS-251")

    def test_to_act_for_oneself_is_refused(self, authority: Authority, supplier: RegisteredClient) -> None:
        """`consumer_org` names another organisation than the client's own."""
        answer = authority.token(supplier, consumer_org=supplier.orgno)
        assert_refused(answer, 400, "invalid_request", "AS-208", supplier.id)

    @pytest.mark.parametrize("form", ["9747610", "974761076 ", "٩٧٤٧٦١٠٧٦", "abcdefghi", ""])
    def test_an_organisation_number_is_nine_digits(
        self, authority: Authority, supplier: RegisteredClient, form: str
    ) -> None:
        """Anything else is no organisation."""
        answer = authority.token(supplier, consumer_org=form)
        assert_refused(answer, 400, "invalid_request", "MP-011")

    def test_an_unregistered_consumer_has_no_access(self, authority: Authority, supplier: RegisteredClient) -> None:
        """An organisation that nobody registered looks like one without access."""
        assert_refused(authority.token(supplier, consumer_org="999999999"), 403, "forbidden", "MP-250")

    def test_a_disabled_consumer_cannot_be_acted_for(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """An organisation that is disabled is disabled for its suppliers too."""
        registry.delegate(consumer, supplier.orgno, scope)
        registry.set_organisation(consumer, active=False)
        assert_refused(authority.token(supplier, consumer_org=consumer), 400, "invalid_grant", "AS-207")

    def test_a_revoked_delegation_refuses(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """A mandate ends with its revocation."""
        delegation = registry.delegate(consumer, supplier.orgno, scope)
        assert_issued(authority.token(supplier, consumer_org=consumer))
        registry.revoke_delegation(delegation)
        assert_refused(authority.token(supplier, consumer_org=consumer), 403, "forbidden", "MP-251")

    def test_the_token_ends_with_the_delegation(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """No token outlives the mandate it rests on."""
        end = int(time.time()) + 60
        registry.delegate(consumer, supplier.orgno, scope, valid_to=end)
        answer = authority.token(supplier, consumer_org=consumer)
        claims = claims_of(answer.token)
        assert claims["exp"] == end
        assert answer.json["expires_in"] == end - claims["iat"] <= 60

    def test_the_form_may_repeat_the_consumer_and_not_change_it(
        self, authority: Authority, registry: Registrar, scope: str, supplier: RegisteredClient, consumer: str
    ) -> None:
        """A form parameter beside the signed claim agrees with it, or the request is refused."""
        registry.delegate(consumer, supplier.orgno, scope)
        assert_issued(authority.post({**supplier.form(consumer_org=consumer), "consumer_org": consumer}))
        other = {**supplier.form(consumer_org=consumer), "consumer_org": "999999999"}
        assert_refused(authority.post(other), 400, "invalid_request", "AS-008", "999999999")


class TestResource:
    """`resource`: which API a token is for (RFC 8707)."""

    def test_the_scope_names_the_audience(self, authority: Authority, bound: RegisteredClient) -> None:
        """A token is for the API that its scope is registered for, asked or not."""
        assert claims_of(authority.token(bound).token)["aud"] == AUDIENCE
        assert claims_of(authority.token(bound, resource=AUDIENCE).token)["aud"] == AUDIENCE
        assert claims_of(authority.token(bound, resource=[AUDIENCE]).token)["aud"] == AUDIENCE

    def test_a_scope_without_audience_has_its_prefix_for_one(
        self, authority: Authority, client: RegisteredClient
    ) -> None:
        """A standard token always names an audience."""
        expected = f"{authority.issuer}api/{client.scopes[0].partition(':')[0]}"
        assert claims_of(authority.token(client).token)["aud"] == expected

    @pytest.mark.parametrize(
        ("resource", "code"),
        [
            ("https://kanarifugl7.example/", "AS-206"),
            (AUDIENCE + "/", "AS-206"),
            ("relative", "AS-205"),
            ("https://api.example/#part", "AS-205"),
            ("https://", "AS-205"),
            ("", "AS-205"),
            ("https://api.example/ x", "AS-205"),
            ("x" * 600, "AS-205"),
        ],
    )
    def test_another_resource_is_an_invalid_target(
        self, authority: Authority, bound: RegisteredClient, resource: str, code: str
    ) -> None:
        """Only an absolute URI that is the scope's own audience is a target."""
        assert_refused(authority.token(bound, resource=resource), 400, "invalid_target", code, "kanarifugl7")

    def test_the_form_may_name_the_resource(self, authority: Authority, bound: RegisteredClient) -> None:
        """The parameter of RFC 8707 §2 does what the claim does, and may not disagree with it."""
        assert claims_of(authority.post({**bound.form(), "resource": AUDIENCE}).token)["aud"] == AUDIENCE
        other = {**bound.form(resource=AUDIENCE), "resource": "https://kanarifugl7.example/"}
        assert_refused(authority.post(other), 400, "invalid_request", "AS-008", "kanarifugl7")

    def test_scopes_of_two_audiences_never_share_a_token(self, authority: Authority, registry: Registrar) -> None:
        """A token that two APIs accept could be used by one against the other."""
        client = registry.granted_client(
            registry.scope(audience=AUDIENCE), registry.scope(audience="https://b.example")
        )
        assert_refused(authority.token(client), 400, "invalid_scope", "AS-204")
        assert_issued(authority.token(client, scope=client.scopes[0]))
        assert_issued(authority.token(client, scope=client.scopes[1]))


class TestLifetime:
    """`expires_in`: how long a token lives."""

    @pytest.mark.parametrize(("max_age", "life"), [(0, 600), (30, 30), (600, 600), (3600, 3600)])
    def test_a_scope_sets_its_own_life(
        self, authority: Authority, registry: Registrar, max_age: int, life: int
    ) -> None:
        """The owner's cap is the life, the profile's default stands where there is none."""
        answer = authority.token(registry.granted_client(registry.scope(max_age=max_age)))
        claims = claims_of(answer.token)
        assert answer.json["expires_in"] == claims["exp"] - claims["iat"] == life

    def test_the_shortest_scope_decides(self, authority: Authority, registry: Registrar) -> None:
        """A token lives no longer than any of its scopes allows."""
        prefix = registry.prefix()
        client = registry.granted_client(
            registry.scope(f"{prefix}:a", max_age=45), registry.scope(f"{prefix}:b", max_age=3000)
        )
        assert authority.token(client).json["expires_in"] == 45
        assert authority.token(client, scope=f"{prefix}:b").json["expires_in"] == 3000
