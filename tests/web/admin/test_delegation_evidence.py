"""Statements, consents and status lists of a running authority, verified by PyJWT and by tillit, before and after."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

import tillit
from tests.support.authority import Authority
from tests.support.http import Answer
from tests.support.keys import make_key
from tests.web.admin.conftest import NewTool, Tool
from tillit.core.statement import consent_claims

SECONDS = 20


@dataclass(frozen=True)
class Given:
    """A delegation in force, and the tools of its parties."""

    id: str
    consumer: Tool
    supplier: Tool
    scope: str

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"/api/v1/delegations/{self.id}"

    def statement(self) -> dict[str, Any]:
        """The evidence, as the supplier reads it."""
        answer = self.supplier.call("GET", f"{self.path}/statement")
        assert answer.status == 200, answer.body
        return answer.json

    def step(self, name: str) -> None:
        """Have the consumer take a step."""
        answer = self.consumer.call("POST", f"{self.path}/{name}", None, {"if-match": "*"})
        assert answer.status == 200, answer.body


def _given(authority: Authority, new_tool: NewTool, owner: str | None = None) -> Given:
    consumer, supplier = new_tool(), new_tool()
    scope = authority.registry.scope(f"{authority.registry.prefix(owner=owner)}:read", delegable=True)
    return Given(authority.registry.delegate(consumer.orgno, supplier.orgno, scope), consumer, supplier, scope)


@pytest.fixture(scope="module")
def shared(authority: Authority, new_tool: NewTool, other: Tool) -> Given:
    """A delegation that no test changes, of a scope that another organisation owns."""
    return _given(authority, new_tool, other.orgno)


@pytest.fixture
def given(authority: Authority, new_tool: NewTool) -> Given:
    """A delegation of one scope between two organisations of its own."""
    return _given(authority, new_tool)


def _decoded(authority: Authority, compact: str, typ: str, **options: Any) -> dict[str, Any]:
    """Verify with PyJWT, by the authority's published keys."""
    header = jwt.get_unverified_header(compact)
    assert header["typ"] == typ
    keys = jwt.PyJWKSet.from_json(authority.get("/jwk").body.decode())
    return jwt.decode(compact, keys[header["kid"]], algorithms=[header["alg"]], issuer=authority.issuer, **options)


def _listed(authority: Authority, statement: dict[str, Any]) -> int:
    """Read a status with PyJWT and a reader of its own: two bits an entry, the first in the lowest."""
    reference = statement["status"]["status_list"]
    path = reference["uri"].removeprefix(authority.issuer.rstrip("/"))
    answer = authority.get(path)
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    claims = _decoded(authority, answer.body.decode(), "statuslist+jwt")
    assert claims["sub"] == reference["uri"]
    packed: bytes = zlib.decompress(base64.urlsafe_b64decode(claims["status_list"]["lst"] + "=="))
    assert claims["status_list"]["bits"] == 2
    index = int(reference["idx"])
    return packed[index // 4] >> 2 * (index % 4) & 3


def _until(found: Callable[[], Any], wanted: Any) -> None:
    """Ask until it is so: a list is made anew every few seconds at most."""
    deadline = time.monotonic() + SECONDS
    while (now := found()) != wanted:
        assert time.monotonic() < deadline, f"still {now}"
        time.sleep(0.2)


def test_a_statement_says_what_was_delegated(authority: Authority, given: Given) -> None:
    """PyJWT verifies the statement by the published keys, and it says who may do what for whom, until when."""
    claims = _decoded(authority, given.statement()["statement"], "delegation+jwt")
    about = claims["delegation"]
    assert (about["id"], claims["sub"], about["scope"], about["depth"]) == (given.id, given.id, given.scope, 0)
    assert about["consumer"]["ID"] == about["giver"]["ID"] == f"0192:{given.consumer.orgno}"
    assert about["supplier"]["ID"] == f"0192:{given.supplier.orgno}"
    shown = given.supplier.call("GET", given.path).json
    assert (claims["nbf"], claims["exp"]) == (shown["valid_from"], shown["valid_to"])


def test_a_statement_is_no_access_token(authority: Authority, given: Given) -> None:
    """Nothing in a statement can be taken for an access token, not even by who forgets to look at its type."""
    compact = given.statement()["statement"]
    claims = _decoded(authority, compact, "delegation+jwt")
    assert claims.keys().isdisjoint({"scope", "consumer", "supplier", "client_id", "aud"})
    assert given.supplier.call("GET", given.path, token=compact).status == 401
    lax = tillit.TokenValidator.for_issuer(authority.issuer, tillit.NO_AUDIENCE)
    with pytest.raises(tillit.InvalidToken):
        lax.validate(compact)


def test_revocation_shows_in_the_status_list(authority: Authority, given: Given) -> None:
    """The list says 0 of a delegation in force, 2 while it is suspended, 0 again, and 1 once it is revoked."""
    statement = _decoded(authority, given.statement()["statement"], "delegation+jwt")
    _until(lambda: _listed(authority, statement), 0)
    given.step("suspend")
    _until(lambda: _listed(authority, statement), 2)
    assert given.supplier.call("GET", f"{given.path}/statement").status == 200
    given.step("resume")
    _until(lambda: _listed(authority, statement), 0)
    authority.registry.revoke_delegation(given.id)
    _until(lambda: _listed(authority, statement), 1)
    assert given.supplier.call("GET", f"{given.path}/statement").status == 409


def test_a_token_of_a_revoked_delegation_is_refused_by_who_looks(authority: Authority, given: Given) -> None:
    """A supplier's token names its place in the list; once the delegation is revoked a validator refuses it."""
    registry = authority.registry
    registry.grant(given.scope, given.consumer.orgno)
    supplier = registry.client(given.scope, org=given.supplier.orgno)
    token = authority.token(supplier, consumer_org=given.consumer.orgno).token
    audience = f"{authority.issuer}api/{given.scope.partition(':')[0]}"

    def refused(*, check_status: bool) -> bool:
        # A new validator each time: one that knows the list asks again only when its ttl is over.
        validator = tillit.TokenValidator.for_issuer(authority.issuer, audience, check_status=check_status)
        try:
            return validator.validate(token).supplier is None
        except tillit.InvalidToken as refusal:
            return "invalid" in str(refusal)

    assert not refused(check_status=True)
    registry.revoke_delegation(given.id)
    _until(lambda: refused(check_status=True), True)
    assert not refused(check_status=False)


def test_tillit_verifies_before_and_not_after(authority: Authority, given: Given) -> None:
    """The library takes a statement with the list it fetches, and refuses the same one once it is revoked."""
    document = json.dumps(given.statement())
    proven = tillit.StatementVerifier.for_issuer(authority.issuer).verify(document)
    assert (proven.id, proven.scopes, proven.status) == (given.id, frozenset({given.scope}), tillit.Status.VALID)
    assert (proven.supplier.number, proven.consent_thumbprint) == (given.supplier.orgno, None)
    authority.registry.revoke_delegation(given.id)

    def said() -> str:
        try:
            # A new verifier each time: one that knows the list asks again only when its ttl is over.
            tillit.StatementVerifier.for_issuer(authority.issuer).verify(document)
        except tillit.InvalidStatement as refusal:
            return str(refusal)
        return "verified"

    _until(said, "the delegation is not in force: invalid")


def _signed(given: Given, by: Tool, key: Any = None, **changes: Any) -> str:
    """A consent to the delegation by a tool's client, with its registered key or another."""
    statement = jwt.decode(given.statement()["statement"], options={"verify_signature": False})
    key = key or by.client.key
    if not changes:
        signer = tillit.signers.from_pem(key.pem, alg=key.alg, kid=key.kid)
        return tillit.sign_consent(statement, by.client.id, signer, int(time.time()))
    claims = consent_claims(statement, by.client.id, int(time.time()))
    typ = changes.pop("typ", "delegation-consent+jwt")
    return str(key.jwt({**claims, **changes}, typ=typ))


def _put(given: Given, by: Tool, signed: str, query: str = "") -> Answer:
    return by.call("PUT", f"{given.path}/signature{query}", {"consent": signed}, {"if-match": "*"})


def test_the_givers_own_signature_is_given_out(authority: Authority, given: Given) -> None:
    """A consent signed with tillit is kept, and proves by the giver's key that we did not invent the delegation."""
    rehearsed = _put(given, given.consumer, _signed(given, given.consumer), "?dry_run=true")
    assert rehearsed.status == 200
    assert given.statement()["consent"] is None
    kept = _put(given, given.consumer, _signed(given, given.consumer))
    assert (kept.status, kept.json["kid"]) == (200, given.consumer.client.key.kid)
    evidence = given.statement()
    consent = jwt.decode(
        evidence["consent"],
        jwt.PyJWK(evidence["consent_key"]),
        algorithms=[evidence["consent_key"]["alg"]],
        audience=authority.issuer,
    )
    assert (consent["iss"], consent["sub"]) == (given.consumer.client.id, given.id)
    proven = tillit.StatementVerifier.for_issuer(authority.issuer).verify(json.dumps(evidence))
    assert proven.consent_thumbprint == kept.json["thumbprint"]


def test_a_consent_is_no_grant(authority: Authority, given: Given) -> None:
    """The token endpoint takes a consent for no assertion."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _signed(given, given.consumer)}
    assert authority.post(form).status == 400


BAD_CONSENTS: dict[str, dict[str, Any]] = {
    "an-assertion": {"typ": "JWT"},
    "a-statement": {"typ": "delegation+jwt"},
    "another-delegation": {"sub": "another"},
    "another-authority": {"aud": "https://other.example/"},
    "other-terms": {"terms": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"},
    "from-the-future": {"iat": 2**40},
    "no-time": {"iat": "now"},
    "one-claim-more": {"scope": "a:b"},
    "an-unknown-client": {"iss": "nobody"},
    "a-client-that-is-no-text": {"iss": ["nobody"]},
}


@pytest.mark.parametrize("changes", BAD_CONSENTS.values(), ids=BAD_CONSENTS)
def test_refuses_a_consent_that_is_none(shared: Given, changes: dict[str, Any]) -> None:
    """A signature of another type, over anything else, or of nobody's is refused, and nothing is kept."""
    answer = _put(shared, shared.consumer, _signed(shared, shared.consumer, **changes))
    assert (answer.status, answer.json["code"]) == (400, "AS-400")
    assert shared.statement()["consent"] is None


def test_refuses_a_consent_by_a_key_that_is_not_registered(shared: Given) -> None:
    """A key that the client does not have, and one under a name that it has, sign nothing for it."""
    own = shared.consumer.client.key
    for kid in ("stranger", own.kid):
        stranger = make_key(own.alg, kid=kid)
        answer = _put(shared, shared.consumer, _signed(shared, shared.consumer, stranger, iat=1))
        assert (answer.status, answer.json["code"]) == (400, "AS-400")


def test_refuses_a_consent_of_the_other_party(shared: Given, tool: Tool, other: Tool) -> None:
    """The supplier cannot consent for the consumer, neither by itself nor with its key; others see no delegation."""
    assert _put(shared, shared.supplier, _signed(shared, shared.supplier)).status == 403
    assert _put(shared, shared.consumer, _signed(shared, shared.supplier)).status == 400
    assert {_put(shared, foreign, _signed(shared, shared.consumer)).status for foreign in (tool, other)} == {404}


def test_only_parties_read_a_statement(shared: Given, tool: Tool, other: Tool) -> None:
    """To everybody else, the owner of the scope too, who sees the delegation, there is no statement to read."""
    assert other.call("GET", shared.path).status == 200
    path = f"{shared.path}/statement"
    assert [by.call("GET", path).status for by in (shared.consumer, shared.supplier, other, tool)] == [
        200,
        200,
        404,
        404,
    ]


@pytest.mark.parametrize("path", ["1", "999998", "00", "-1", "a", "", "0/", "1e3", "0000000"])
def test_knows_no_other_list(authority: Authority, path: str) -> None:
    """A list that does not exist is not found, whatever its number looks like."""
    assert authority.get(f"/status-lists/{path}").status == 404


def test_a_list_is_cacheable(authority: Authority) -> None:
    """A list may be kept for half of its ttl, is not sent again to who has it, and is the same to all who ask."""
    answer = authority.get("/status-lists/0")
    claims = _decoded(authority, answer.body.decode(), "statuslist+jwt")
    assert answer.headers["cache-control"] == f"public, max-age={claims['ttl'] // 2}"
    assert claims["exp"] > claims["iat"] + claims["ttl"]
    known = authority.get("/status-lists/0", {"if-none-match": f'"x", {answer.headers["etag"]}'})
    assert known.status == (304 if known.headers["etag"] == answer.headers["etag"] else 200)
