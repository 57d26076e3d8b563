"""The change feed over the admin API: followed with a cursor that can be kept, each caller what concerns it."""

from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.support.keys import make_key
from tests.web.admin.conftest import NewTool, Tool

FEED = "/api/v1/changes"


def newest(tool: Tool) -> str:
    """The cursor behind everything there is."""
    page = tool.call("GET", f"{FEED}?limit=200").json
    assert page["more"] is False
    return str(page["next"])


def test_an_empty_page_has_a_cursor_to_go_on_from(new_tool: NewTool) -> None:
    """Nothing new gives the same place; what comes later is found from it, once, with before, after, who and why."""
    tool = new_tool()
    kept = newest(tool)
    nothing = tool.call("GET", f"{FEED}?cursor={kept}").json
    assert (nothing["items"], nothing["more"]) == ([], False)
    path = f"/api/v1/clients/{tool.client.id}"
    tool.call("PUT", f"{path}?reason=a+better+name", {"client_name": "renamed", "scopes": list(tool.client.scopes)})
    found = tool.call("GET", f"{FEED}?cursor={nothing['next']}").json
    (change,) = found["items"]
    assert (change["kind"], change["id"], change["action"]) == ("client", tool.client.id, "changed")
    assert (change["before"]["name"], change["after"]["name"]) == ("", "renamed")
    assert (change["actor_orgno"], change["actor_client_id"]) == (tool.orgno, tool.client.id)
    assert change["reason"] == "a better name"
    assert tool.call("GET", f"{FEED}?cursor={found['next']}").json["items"] == []
    assert tool.call("GET", f"{FEED}?after={change['seq'] - 1}").json["items"] == [change]


def test_the_first_empty_page_has_a_cursor_too(operator: Tool, new_tool: NewTool) -> None:
    """Of an organisation that nothing concerned yet, following begins before its first change."""
    reader = new_tool("delegations.read")
    begun = operator.call("GET", f"{FEED}?limit=200").json
    while begun["more"]:
        begun = operator.call("GET", f"{FEED}?limit=200&cursor={begun['next']}").json
    last = operator.call("GET", f"{FEED}?cursor={begun['next']}").json
    after = operator.call("GET", f"{FEED}?after={2**50}").json
    assert (last["items"], after["items"]) == ([], [])
    assert operator.call("GET", f"{FEED}?cursor={after['next']}").json["items"] == []
    own = reader.call("GET", FEED).json
    assert {change["kind"] for change in own["items"]} == {"organisation"}


def test_pages_follow_each_other_without_gap_or_repetition(new_tool: NewTool) -> None:
    """Two at a time come to the same as all at once; `more` says when another page is there."""
    tool = new_tool()
    whole = tool.call("GET", f"{FEED}?limit=200").json["items"]
    found: list[Any] = []
    page: dict[str, Any] = {"next": "", "more": True}
    cursor = ""
    while page["more"]:
        page = tool.call("GET", f"{FEED}?limit=2{cursor}").json
        assert len(page["items"]) == 2 or not page["more"]
        found += page["items"]
        cursor = f"&cursor={page['next']}"
    assert len(whole) > 2
    assert found == whole


def test_a_caller_reads_the_kinds_that_its_scopes_read(new_tool: NewTool) -> None:
    """`dcr.read` shows clients and access, `scopes.read` scopes, `delegations.read` delegations; nobody another's."""
    owner = new_tool()
    registry = owner.authority.registry
    scope = registry.scope(f"{registry.prefix(owner=owner.orgno)}:read", delegable=True)
    registry.delegate(owner.orgno, registry.organisation(), scope)
    registry.package(f"{scope.partition(':')[0]}:all", scope)

    def kinds(*scopes: str) -> set[str]:
        items = new_tool(*scopes, org=owner.orgno).call("GET", f"{FEED}?limit=200").json["items"]
        return {change["kind"] for change in items}

    assert kinds("dcr.read") == {"organisation", "client", "access"}
    assert kinds("scopes.read") == {"organisation", "prefix", "scope", "access", "package"}
    assert kinds("delegations.read") == {"organisation", "delegations", "package"}
    stranger = new_tool().call("GET", f"{FEED}?limit=200").json["items"]
    assert scope not in {change["id"] for change in stranger}


def test_of_anothers_change_the_organisation_is_told_and_not_the_client(new_tool: NewTool) -> None:
    """A consumer sees that the owner gave it access, and not through which of its clients."""
    tool, other = new_tool(), new_tool()
    prefix = tool.authority.registry.prefix(owner=tool.orgno)
    name = tool.authority.registry.scope(f"{prefix}:read")
    kept = newest(other)
    assert tool.call("PUT", f"/api/v1/scopes/access/{other.orgno}?scope={name}").status == 200
    (seen,) = other.call("GET", f"{FEED}?cursor={kept}").json["items"]
    assert (seen["kind"], seen["other"], seen["actor_orgno"]) == ("access", other.orgno, tool.orgno)
    assert (seen["actor_client_id"], seen["actor_person"]) == ("", "")


@pytest.mark.parametrize("query", ["cursor=AAAA", "after=-1", "after=1&cursor=AAAA", "limit=0", "limit=201"])
def test_a_place_that_is_none_is_refused(tool: Tool, query: str) -> None:
    """A cursor not of this feed, a number below nothing, both at once, and pages of no or too many items are 400."""
    assert tool.call("GET", f"{FEED}?{query}").status == 400


def test_a_cursor_serves_its_caller_alone(tool: Tool, other: Tool) -> None:
    """What one organisation kept is no cursor of another's."""
    assert other.call("GET", f"{FEED}?cursor={newest(tool)}").status == 400


def test_the_operator_follows_everything_or_one_organisation(operator: Tool, new_tool: NewTool) -> None:
    """`orgno` narrows the operator's feed; an organisation that asks for another's is answered as if it were none."""
    tool = new_tool()
    client = tool.call("POST", "/api/v1/clients", {"scopes": []}).json["client_id"]
    narrowed = operator.call("GET", f"{FEED}?limit=200&orgno={tool.orgno}").json["items"]
    assert client in {change["id"] for change in narrowed}
    assert tool.call("GET", f"{FEED}?orgno={operator.orgno}").status == 404
    (last,) = [change for change in narrowed if change["id"] == client]
    assert last["actor_client_id"] == tool.client.id


def test_a_cursor_from_before_a_restore_is_refused(new_tool: NewTool) -> None:
    """When the last change seen is another one now, the answer says to read everything anew."""
    tool = new_tool()
    tool.call("POST", "/api/v1/clients", {"scopes": []})
    kept = newest(tool)
    engine = create_engine(tool.authority.settings.database_url.replace("+aiosqlite", ""))
    moved = "UPDATE registry_changes SET epoch = epoch + :by WHERE seq = (SELECT max(seq) FROM registry_changes)"
    with engine.begin() as connection:
        connection.execute(text(moved), {"by": 1_000_000})
    answer = tool.call("GET", f"{FEED}?cursor={kept}")
    with engine.begin() as connection:
        connection.execute(text(moved), {"by": -1_000_000})
    engine.dispose()
    assert (answer.status, "restored" in answer.json["detail"]) == (400, True)
    assert tool.call("GET", f"{FEED}?cursor={kept}").status == 200


def test_why_is_told_of_creates_and_of_single_keys(new_tool: NewTool, operator: Tool) -> None:
    """`reason` stands in the change log for whatever is made, and for a key that is added by its kid or uploaded."""
    tool, why = new_tool(), "?reason=because"
    registry = tool.authority.registry
    prefix, kept = registry.prefix(owner=tool.orgno), newest(tool)
    client = tool.call("POST", f"/api/v1/clients{why}", {"scopes": []}).json["client_id"]
    key = make_key("ES256").jwk
    writes: list[tuple[str, str, Any]] = [
        ("PUT", f"/api/v1/clients/{client}/jwks/{key['kid']}", key),
        ("POST", f"/api/v2/clients/{client}/key", make_key("RS256").public_pem),
        ("POST", "/api/v1/scopes", {"prefix": prefix, "subscope": "why", "description": "d"}),
        ("POST", "/api/v1/webhooks", {"url": "http://127.0.0.1:9/"}),
    ]
    for method, path, body in writes:
        answer = tool.call(method, f"{path}{why}", body)
        assert answer.status in {200, 201}, answer.body
    made = tool.call("GET", f"{FEED}?cursor={kept}&limit=200").json["items"]
    own = [change for change in made if change["actor_client_id"] == tool.client.id]
    assert len(own) == 1 + len(writes)
    assert {change["reason"] for change in own} == {"because"}
    for path, body in (
        ("/api/v1/organisations", {"orgno": "123456785", "name": "n"}),
        ("/api/v1/prefixes", {"prefix": f"{prefix}x", "owner_orgno": tool.orgno}),
    ):
        assert operator.call("POST", f"{path}{why}", body).status == 201
    rows = registry.rows("SELECT reason FROM registry_changes ORDER BY seq DESC LIMIT 2")
    assert [row["reason"] for row in rows] == ["because", "because"]
