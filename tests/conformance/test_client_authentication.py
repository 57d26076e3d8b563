"""RFC 7521 §4.2 and RFC 7523 §2.2: an assertion that authenticates a client."""

from __future__ import annotations

from tests.conformance.clauses import clause, refusal_of
from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient

INVALID_CLIENT = (401, "invalid_client")


@clause("RFC 7523 §2.2", "RFC 7521 §4.2", "R-049")
def test_private_key_jwt(authority: Authority, client: RegisteredClient) -> None:
    """`client_assertion` with its type authenticates; iss and sub are the client id, and so is any `client_id`."""
    assert authority.post(client.credentials_form()).status == 200
    assert authority.post({**client.credentials_form(), "client_id": client.id}).status == 200
    assert refusal_of(authority.post({**client.credentials_form(), "client_id": "x"})) == (400, "invalid_request")
    for claims in ({"sub": None}, {"sub": "x"}, {"iss": "x"}, {"jti": None}):
        assert refusal_of(authority.post(client.credentials_form(**claims))) == INVALID_CLIENT


@clause("RFC 7521 §4.2.1", "RFC 7523 §3.2", "R-020")
def test_a_failed_authentication_is_an_invalid_client(authority: Authority, client: RegisteredClient) -> None:
    """An assertion that is invalid for any reason is `invalid_client`, with 401."""
    form = client.credentials_form()
    assert authority.post(form).status == 200
    assert refusal_of(authority.post(form)) == INVALID_CLIENT
    assert refusal_of(authority.post({**form, "client_assertion": "x"})) == INVALID_CLIENT
    assert refusal_of(authority.post(client.credentials_form(exp=1, iat=0))) == INVALID_CLIENT


@clause("RFC 10070 §4", "R-005")
def test_the_audience_is_the_issuer_alone(authority: Authority, client: RegisteredClient) -> None:
    """The address of the token endpoint is no audience any more."""
    issuer = authority.issuer
    for other in (f"{issuer}token", issuer[:-1], [issuer, f"{issuer}token"], [issuer, issuer]):
        assert refusal_of(authority.post(client.credentials_form(aud=other))) == INVALID_CLIENT


@clause("RFC 10070 §4", "R-017")
def test_the_types_of_a_client_authentication(authority: Authority, client: RegisteredClient) -> None:
    """`client-authentication+jwt`, `JWT` or no `typ` is taken, and any other refused."""
    for typ, status in (("client-authentication+jwt", 200), ("JWT", 200), (None, 200), ("at+jwt", 401), ("x", 401)):
        assertion = client.key.jwt(client.claims(sub=client.id, scope=None), typ=typ)
        answer = authority.post({**client.credentials_form(), "client_assertion": assertion})
        assert answer.status == status, typ


@clause("R-048")
def test_there_are_no_shared_secrets(authority: Authority, client: RegisteredClient) -> None:
    """Neither Basic nor a posted secret nor a MAC authenticates, and none is advertised."""
    metadata = authority.get("/.well-known/oauth-authorization-server").json
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    basic = authority.post({"grant_type": "client_credentials"}, {"authorization": "Basic eDp5"})
    assert refusal_of(basic) == (400, "invalid_request")
    header = {"alg": "HS256", "kid": client.key.kid}
    forged = client.key.jwt(client.claims(sub=client.id, scope=None), **header)
    assert refusal_of(authority.post({**client.credentials_form(), "client_assertion": forged})) == INVALID_CLIENT
