"""Delegations over HTTP: proposed, decided on, handed on, stopped; packages, terms and other registers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.http import Answer, request
from tests.support.registrar import RegisteredClient
from tests.support.tokens import claims_of
from tests.web.admin.conftest import NewTool, Tool

ROOT = "/api/v1/delegations"


@dataclass(frozen=True)
class Cast:
    """An owner with a scope on strict terms, a consumer with access to it, and two suppliers with clients for it."""

    owner: Tool
    consumer: Tool
    supplier: Tool
    second: Tool
    scope: str
    clients: tuple[RegisteredClient, RegisteredClient]

    def token(self, number: int) -> Answer:
        """Ask for a token on the consumer's behalf, as the first or the second supplier."""
        return self.owner.authority.token(self.clients[number], consumer_org=self.consumer.orgno)


@pytest.fixture
def cast(new_tool: NewTool) -> Cast:
    """The parties, with nothing delegated yet."""
    owner, consumer, supplier, second = (new_tool() for _ in range(4))
    registry = owner.authority.registry
    prefix = registry.prefix(owner=owner.orgno)
    scope = registry.scope(f"{prefix}:read", delegable=True)
    registry.grant(scope, consumer.orgno)
    clients = registry.client(scope, org=supplier.orgno), registry.client(scope, org=second.orgno)
    return Cast(owner, consumer, supplier, second, scope, clients)


def seen(tool: Tool, path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A record, and the condition that it is still as it was seen."""
    answer = tool.call("GET", path)
    assert answer.status == 200, answer.body
    return answer.json, {"if-match": answer.headers["etag"]}


def step(tool: Tool, delegation: str, what: str) -> Answer:
    """Take a step on what the caller has just seen of a delegation."""
    _, condition = seen(tool, f"{ROOT}/{delegation}")
    return tool.call("POST", f"{ROOT}/{delegation}/{what}?mandate=chair", headers=condition)


def terms(cast: Cast, **changes: Any) -> dict[str, Any]:
    """Change the owner's terms."""
    path = f"/api/v1/delegation-terms/{quote(cast.scope, safe='')}"
    _, condition = seen(cast.owner, path)
    answer = cast.owner.call("PATCH", path, changes, condition)
    assert answer.status == 200, answer.body
    return answer.json


def test_a_delegation_goes_through_its_life(cast: Cast) -> None:
    """Proposed, accepted, consented to, handed on, used with the chain in the token, suspended, resumed and revoked."""
    assert terms(cast, delegation_consent=True, redelegation_depth=1)["redelegation_depth"] == 1
    proposal = {"consumer_orgno": cast.consumer.orgno, "supplier_orgno": cast.supplier.orgno, "scopes": [cast.scope]}
    made = cast.supplier.call("POST", f"{ROOT}/proposals", {**proposal, "purpose": "payroll", "mandate": "contract"})
    assert made.status == 201, made.body
    first = made.json["id"]
    assert sorted(made.json["awaits"]) == sorted([cast.consumer.orgno, cast.owner.orgno])
    assert step(cast.supplier, first, "accept").status == 403
    assert step(cast.consumer, first, "accept").json["status"] == "proposed"
    assert cast.token(0).status == 403
    listed = cast.owner.call("GET", f"{ROOT}?owner_orgno={cast.owner.orgno}").json
    assert [one["id"] for one in listed["items"]] == [first]
    agreed = step(cast.owner, first, "consent").json
    assert (agreed["status"], agreed["awaits"]) == ("active", [])
    assert [(one["what"], one["orgno"], one["mandate"]) for one in agreed["steps"]] == [
        ("proposed", cast.supplier.orgno, "contract"),
        ("accepted", cast.consumer.orgno, "chair"),
        ("consented", cast.owner.orgno, "chair"),
    ]
    assert "delegation_chain" not in claims_of(cast.token(0).token)
    handed = cast.supplier.call("POST", f"{ROOT}/{first}/redelegate", {"supplier_orgno": cast.second.orgno})
    assert handed.status == 201, handed.body
    assert (handed.json["status"], handed.json["delegator_orgno"]) == ("proposed", cast.supplier.orgno)
    assert cast.token(1).status == 403
    assert step(cast.owner, handed.json["id"], "consent").json["status"] == "active"
    told = claims_of(cast.token(1).token)
    chain = [f"0192:{tool.orgno}" for tool in (cast.supplier, cast.second)]
    assert ([one["ID"] for one in told["delegation_chain"]], told["supplier"]["ID"]) == (chain, chain[1])
    assert step(cast.supplier, first, "suspend").status == 403
    assert step(cast.consumer, first, "suspend").json["suspended_by"] == [cast.consumer.orgno]
    assert [cast.token(number).status for number in (0, 1)] == [403, 403]
    assert step(cast.owner, first, "resume").status == 409
    assert step(cast.consumer, first, "resume").json["status"] == "active"
    assert [cast.token(number).status for number in (0, 1)] == [200, 200]
    _, condition = seen(cast.supplier, f"{ROOT}/{first}")
    assert cast.supplier.call("DELETE", f"{ROOT}/{first}", headers=condition).json["status"] == "revoked"
    assert [cast.token(number).status for number in (0, 1)] == [403, 403]


def test_a_proposal_is_declined_and_a_stale_step_refused(cast: Cast) -> None:
    """Without If-Match 428, with what is no longer so 412; declined is for ever."""
    proposal = {"consumer_orgno": cast.consumer.orgno, "supplier_orgno": cast.supplier.orgno, "scopes": [cast.scope]}
    made = cast.consumer.call("POST", f"{ROOT}/proposals", proposal).json["id"]
    assert cast.consumer.call("POST", f"{ROOT}/{made}/accept").status == 428
    _, condition = seen(cast.consumer, f"{ROOT}/{made}")
    assert step(cast.supplier, made, "decline").json["status"] == "declined"
    assert cast.consumer.call("POST", f"{ROOT}/{made}/accept", headers=condition).status == 412
    assert step(cast.consumer, made, "accept").status == 409
    assert cast.second.call("GET", f"{ROOT}/{made}").status == 404


def test_the_owners_list_counts_for_the_next_token(cast: Cast) -> None:
    """Who is taken off the list of suppliers gets no further token, and nothing is delegated to it any more."""
    body = {"supplier_orgno": cast.supplier.orgno, "scopes": [cast.scope]}
    assert cast.consumer.call("POST", ROOT, body).json["status"] == "active"
    assert cast.token(0).status == 200
    terms(cast, delegation_suppliers=[cast.second.orgno])
    assert cast.token(0).status == 403
    terms(cast, delegation_max_life=3600)
    long = {"supplier_orgno": cast.second.orgno, "scopes": [cast.scope], "valid_to": 4_000_000_000}
    assert cast.consumer.call("POST", ROOT, long).status == 400


def test_a_package_is_published_delegated_and_changed(cast: Cast) -> None:
    """A delegation takes the scopes that a package has when it is given, and keeps them."""
    prefix = cast.scope.partition(":")[0]
    more = cast.owner.authority.registry.scope(f"{prefix}:more", delegable=True)
    name = f"{prefix}:all"
    body = {"name": name, "title": "All", "scopes": [cast.scope, more]}
    assert cast.consumer.call("POST", "/api/v1/packages", body).status == 404
    assert cast.owner.call("POST", "/api/v1/packages", body).status == 201
    listed = cast.consumer.call("GET", f"/api/v1/packages?published_by={cast.owner.orgno}").json["items"]
    assert [one["name"] for one in listed] == [name]
    given = cast.consumer.call("POST", ROOT, {"supplier_orgno": cast.supplier.orgno, "package": name}).json
    path = f"/api/v1/packages/{quote(name, safe='')}"
    _, condition = seen(cast.owner, path)
    changed = cast.owner.call("PATCH", path, {"scopes": [more], "active": False}, condition).json
    assert (changed["scopes"], changed["active"]) == ([more], False)
    kept, _ = seen(cast.consumer, f"{ROOT}/{given['id']}")
    assert (kept["scopes"], kept["package"]) == (sorted([cast.scope, more]), name)
    assert cast.consumer.call("POST", ROOT, {"supplier_orgno": cast.second.orgno, "package": name}).status == 409


def test_the_operator_relies_on_another_register(operator: Tool, tool: Tool) -> None:
    """What the operator adds is told to anybody beside our own, and no longer once it is deactivated."""
    issuer = f"https://{token_hex(4)}.example/"
    path = "/api/v1/delegation-sources"
    body = {"issuer": issuer, "name": "Altinn", "lookup_url": issuer, "token_scope": "altinn:delegations"}
    assert tool.call("POST", path, body).status == 403
    made = operator.call("POST", path, body)
    assert made.status == 201, made.body

    def told() -> list[str]:
        answer = request(tool.authority.port, "GET", "/delegationsources")
        return [one["issuer"] for one in json.loads(answer.body)]

    assert told()[0] == tool.authority.issuer
    assert issuer in told()
    query = f"{path}?issuer={quote(issuer, safe='')}"
    condition = {"if-match": made.headers["etag"]}
    assert operator.call("PATCH", query, {"active": False}, condition).json["active"] is False
    assert issuer not in told()
