"""The delegator's mirror over the admin API: each sees the use of what concerns it, and nobody else anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.admin.conftest import NewTool, Tool


@pytest.fixture(scope="module")
def parties(new_tool: NewTool) -> dict[str, Any]:
    """A consumer, its supplier and the owner of a scope that was delegated, used twice."""
    consumer, owner, supplier = new_tool(), new_tool(), new_tool()
    registry = consumer.authority.registry
    prefix = registry.prefix(owner=owner.orgno)
    scope = registry.scope(f"{prefix}:read", delegable=True)
    registry.grant(scope, consumer.orgno)
    agent = registry.granted_client(scope, org=supplier.orgno)
    delegation_id = registry.delegate(consumer.orgno, supplier.orgno, scope)
    for _ in range(2):
        consumer.authority.token(agent, consumer_org=consumer.orgno)
    return {
        "consumer": consumer,
        "owner": owner,
        "supplier": supplier,
        "id": delegation_id,
        "scope": scope,
        "agent": agent,
    }


@pytest.mark.parametrize("role", ["consumer", "supplier", "owner"])
def test_each_sees_what_was_done(parties: dict[str, Any], role: str) -> None:
    """Consumer, supplier and owner of the scope see two tokens, alone and in their list."""
    alone = parties[role].call("GET", f"/api/v1/delegations/{parties['id']}/use")
    assert alone.status == 200, alone.json
    found = alone.json
    assert (found["tokens"], found["scopes"], found["complete_since"]) == (2, {parties["scope"]: 2}, None)
    assert found["clients"] == {parties["agent"].id: 2}
    assert sum(found["days"].values()) == 2
    assert found["since"] <= found["first_at"] <= found["last_at"]
    listed = parties[role].call("GET", f"/api/v1/delegation-use?role={role}").json
    assert listed == {"items": [found], "next": None}


def test_parties_see_the_audience_and_owners_do_not(parties: dict[str, Any]) -> None:
    """What a token may be shown to is between the parties."""
    path = f"/api/v1/delegations/{parties['id']}/use"
    assert sum(parties["consumer"].call("GET", path).json["audiences"].values()) == 2
    assert parties["owner"].call("GET", path).json["audiences"] == {}


def test_nobody_else_sees_anything(parties: dict[str, Any], new_tool: NewTool) -> None:
    """To others the delegation does not exist, and their list is empty."""
    other = new_tool()
    foreign = other.call("GET", f"/api/v1/delegations/{parties['id']}/use")
    unknown = other.call("GET", "/api/v1/delegations/nobody/use")
    assert (foreign.status, foreign.json["detail"].partition(" (")[0]) == (
        unknown.status,
        unknown.json["detail"].partition(" (")[0],
    )
    for role in ("consumer", "supplier", "owner"):
        assert other.call("GET", f"/api/v1/delegation-use?role={role}").json["items"] == []
    asked = other.call("GET", f"/api/v1/delegation-use?orgno={parties['consumer'].orgno}")
    assert asked.status == 404


def test_the_operator_sees_whose_it_asks(parties: dict[str, Any], operator: Tool) -> None:
    """The operator names an organisation."""
    found = operator.call("GET", f"/api/v1/delegation-use?orgno={parties['consumer'].orgno}").json
    assert [item["delegation_id"] for item in found["items"]] == [parties["id"]]


@pytest.mark.parametrize("query", ["days=0", "days=367", "role=nobody", "limit=201"])
def test_what_cannot_be_asked_is_refused(parties: dict[str, Any], query: str) -> None:
    """A period beyond a year, an unknown role and too long a page are 400."""
    assert parties["consumer"].call("GET", f"/api/v1/delegation-use?{query}").status == 400
