"""RFC 9068 and RFC 8707: what an access token says, and whom it is for."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.conformance.clauses import clause, refusal_of
from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient, Registrar
from tests.support.tokens import claims_of, header_of, verified

API = "https://api.example/data"


@clause("RFC 9068 §2.1", "R-026")
def test_the_type_and_the_algorithm(authority: Authority, client: RegisteredClient) -> None:
    """`typ` is `at+jwt`, the algorithm is asymmetric and never `none`."""
    token = authority.token(client).token
    assert (header_of(token)["typ"], header_of(token)["alg"]) == ("at+jwt", "ES256")
    assert verified(authority, token)["iss"] == authority.issuer


@clause("RFC 9068 §2.2", "R-026")
def test_the_required_claims(authority: Authority, client: RegisteredClient) -> None:
    """iss, exp, aud, sub, client_id, iat and jti are in every token; sub is the client where no person is concerned."""
    claims = claims_of(authority.token(client).token)
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= claims.keys()
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["iat"] <= time.time() < claims["exp"]


@clause("RFC 9068 §3", "R-025")
def test_a_token_always_names_an_audience(authority: Authority, client: RegisteredClient, registry: Registrar) -> None:
    """The audience registered for the scope, or the address that stands for its prefix; never none."""
    prefix = client.scopes[0].partition(":")[0]
    assert claims_of(authority.token(client).token)["aud"] == f"{authority.issuer}api/{prefix}"
    bound = registry.granted_client(registry.scope(audience=API))
    assert claims_of(authority.token(bound).token)["aud"] == API


@clause("RFC 9068 §3", "RFC 8707 §2.2", "R-068")
def test_scopes_of_two_audiences_are_never_mixed(authority: Authority, registry: Registrar) -> None:
    """A token is for one API, so that none can use it against another."""
    client = registry.granted_client(registry.scope(audience=API), registry.scope(audience="https://other.example"))
    assert refusal_of(authority.token(client)) == (400, "invalid_scope")


@clause("RFC 8707 §2", "R-067")
def test_resource_is_one_absolute_uri(authority: Authority, registry: Registrar) -> None:
    """Absolute, without fragment, known for the scope, one for a token; anything else is `invalid_target`."""
    client = registry.granted_client(registry.scope(audience=API))
    assert claims_of(authority.token(client, resource=API).token)["aud"] == API
    assert claims_of(authority.post({**client.form(), "resource": API}).token)["aud"] == API
    for other in ("data", "/data", f"{API}#x", "https://other.example", [API, API], ""):
        assert refusal_of(authority.token(client, resource=other)) == (400, "invalid_target")


@clause("R-071")
def test_the_parties_stand_in_the_token(authority: Authority, registry: Registrar, client: RegisteredClient) -> None:
    """`consumer` always, `supplier` and `delegation_source` exactly when delegated, as ISO 6523 identifiers."""
    plain = claims_of(authority.token(client).token)
    assert plain["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{client.orgno}"}
    assert {"supplier", "delegation_source"}.isdisjoint(plain)
    scope, consumer = registry.scope(delegable=True), registry.organisation()
    supplier = registry.client(scope)
    registry.grant(scope, consumer)
    registry.delegate(consumer, supplier.orgno, scope)
    delegated = claims_of(authority.token(supplier, consumer_org=consumer).token)
    assert delegated["consumer"]["ID"] == f"0192:{consumer}"
    assert delegated["supplier"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{supplier.orgno}"}
    assert delegated["delegation_source"] == authority.issuer


@clause("R-029", "R-074")
def test_delegation_needs_all_four(authority: Authority, registry: Registrar) -> None:
    """Delegable scope, the consumer's access, an active delegation, the scope on the client: one case of 16 holds."""
    for case in range(16):
        delegable, access, delegated, registered = (bool(case >> bit & 1) for bit in range(4))
        prefix = registry.prefix()
        scope = registry.scope(f"{prefix}:a", delegable=True)
        other = registry.scope(f"{prefix}:b", delegable=True)
        consumer, client = registry.organisation(), registry.client(scope if registered else other)
        if access:
            registry.grant(scope, consumer)
        if delegated:
            registry.delegate(consumer, client.orgno, scope)
        if not delegable:
            registry.stop_delegation(scope)
        answer = authority.token(client, scope=scope, consumer_org=consumer)
        assert (answer.status == 200) == (case == 15), (delegable, access, delegated, registered)


@clause("R-073")
def test_a_delegation_is_one_step(authority: Authority, registry: Registrar) -> None:
    """No one delegates to themselves, and a mandate is not handed on."""
    scope, first, second = registry.scope(delegable=True), registry.organisation(), registry.organisation()
    registry.grant(scope, first)
    client = registry.client(scope)
    registry.delegate(first, second, scope)
    registry.delegate(second, client.orgno, scope)
    assert authority.token(client, consumer_org=first).code == "MP-251"
    assert authority.token(client, consumer_org=second).code == "MP-250"
    assert authority.token(client, consumer_org=client.orgno).code == "AS-208"


@clause("R-075")
def test_a_token_ends_with_its_delegation(authority: Authority, registry: Registrar) -> None:
    """`exp` is never after the end of the delegation."""
    scope, consumer, end = registry.scope(delegable=True), registry.organisation(), int(time.time()) + 45
    client = registry.client(scope)
    registry.grant(scope, consumer)
    registry.delegate(consumer, client.orgno, scope, valid_to=end)
    assert claims_of(authority.token(client, consumer_org=consumer).token)["exp"] == end


@clause("R-077")
def test_what_is_deactivated_can_come_back(authority: Authority, registry: Registrar) -> None:
    """Scopes, clients, accesses and organisations are deactivated, and reactivated explicitly; nothing is deleted."""
    client = registry.granted_client()
    scope = client.scopes[0]
    switches: list[Callable[[bool], None]] = [
        lambda active: registry.set_scope(scope, active=active),
        lambda active: registry.set_prefix(scope.partition(":")[0], active=active),
        lambda active: registry.set_client(client, active=active),
        lambda active: registry.set_organisation(client.orgno, active=active),
        lambda active: (registry.grant if active else registry.revoke)(scope, client.orgno),
    ]
    for switch in switches:
        switch(False)
        assert authority.token(client).status in {400, 403}
        switch(True)
        assert authority.token(client).status == 200
