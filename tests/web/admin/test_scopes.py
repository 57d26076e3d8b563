"""Scopes, access and what anyone may read, by the calls of existing tools."""

import json
from secrets import token_hex
from urllib.parse import quote

from tests.support.http import request
from tests.web.admin.conftest import NewTool, Tool


def named(name: str) -> str:
    """The query that names a scope."""
    return f"scope={quote(name, safe='')}"


def test_a_scope_is_defined_replaced_deactivated_and_revived(new_tool: NewTool) -> None:
    """Create, read both ways, replace, delete, conflict on POST, PUT revives; further fields come back as they were."""
    tool = new_tool()
    prefix = tool.authority.registry.prefix(owner=tool.orgno)
    body = {"name": "", "prefix": prefix, "subscope": "a/b.read", "description": "d", "long_description": "long"}
    made = tool.call("POST", "/api/v1/scopes", {**body, "at_max_age": 30, "token_type": "SELF_CONTAINED"})
    assert made.status == 200, made.body
    scope, query = made.json, named(f"{prefix}:a/b.read")
    assert (scope["name"], scope["owner_orgno"], scope["at_max_age"]) == (f"{prefix}:a/b.read", tool.orgno, 30)
    assert (scope["long_description"], scope["visibility"]) == ("long", "PUBLIC")
    assert tool.call("GET", f"/scopes/scope?{query}").json == scope
    assert tool.call("GET", f"/scopes?{query}").json == scope
    changed = tool.call("PUT", f"/scopes?{query}", {**scope, "description": "new", "visibility": "PRIVATE"}).json
    assert (changed["description"], changed["visibility"]) == ("new", "PRIVATE")
    assert tool.call("DELETE", f"/scopes?{query}").json["active"] is False
    assert json.loads(tool.call("GET", "/scopes").body) == []
    assert len(json.loads(tool.call("GET", "/scopes?inactive=true").body)) == 1
    assert tool.call("POST", "/scopes", body).status == 409
    assert tool.call("PUT", f"/scopes?{query}", {**changed, "active": True}).json["active"] is True
    assert tool.call("POST", "/scopes", {**body, "prefix": "nobodys"}).status == 404


def test_access_is_given_and_taken(tool: Tool, other: Tool) -> None:
    """PUT approves, DELETE denies and hides, PUT approves again; giver and receiver see it, a third cannot touch it."""
    prefix = tool.authority.registry.prefix(owner=tool.orgno)
    name = tool.authority.registry.scope(f"{prefix}:read")
    path = f"/api/v1/scopes/access/{other.orgno}?{named(name)}"
    given = tool.call("PUT", path)
    assert (given.status, given.json["state"], given.json["owner_orgno"]) == (200, "APPROVED", tool.orgno)
    assert given.json["consumer_organization_name"] == "An organisation"
    received = json.loads(other.call("GET", "/api/v1/scopes/access/all").body)
    assert name in {row["scope"] for row in received}
    assert tool.call("DELETE", path).json["state"] == "DENIED"
    assert json.loads(tool.call("GET", f"/scopes/access?{named(name)}").body) == []
    (denied,) = json.loads(tool.call("GET", f"/scopes/access?{named(name)}&inactive=true").body)
    assert denied["state"] == "DENIED"
    assert tool.call("PUT", path).json["state"] == "APPROVED"
    assert other.call("DELETE", path).status == 404
    assert json.loads(other.call("GET", f"/scopes/access?{named(name)}").body) == []


def test_anyone_may_read_public_scopes_prefixes_and_names(tool: Tool) -> None:
    """Without a token: public scopes only, every prefix, an organisation's name, and where delegations are kept."""
    registry, port = tool.authority.registry, tool.authority.port
    prefix = f"p{token_hex(4)}"
    registry.prefix(prefix, owner=tool.orgno)
    registry.scope(f"{prefix}:open")
    registry.scope(f"{prefix}:closed", visibility="PRIVATE")

    def read(path: str) -> object:
        answer = request(port, "GET", path)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    found = read(f"/api/v1/scopes/all?prefix={prefix}")
    assert isinstance(found, list)
    assert [scope["name"] for scope in found] == [f"{prefix}:open"]
    prefixes = read("/prefix/all")
    assert isinstance(prefixes, list)
    assert prefix in {row["prefix"] for row in prefixes}
    assert read(f"/organizations/{tool.orgno}") == {"orgnr": tool.orgno, "name": "An organisation"}
    assert read("/delegationsources") == [{"name": "Tillit", "issuer": tool.authority.issuer}]
    assert request(port, "GET", "/organizations/123").status == 400


def test_access_is_changed_only_as_it_was_seen(tool: Tool, other: Tool) -> None:
    """Answers carry the state of the access; If-Match of another state, or of access that nobody has, is 412."""
    prefix = tool.authority.registry.prefix(owner=tool.orgno)
    name = tool.authority.registry.scope(f"{prefix}:read")
    path = f"/api/v1/scopes/access/{other.orgno}?{named(name)}"
    assert tool.call("PUT", path, headers={"if-match": '"00"'}).status == 412
    given = tool.call("PUT", path).headers["etag"]
    taken = tool.call("DELETE", path, headers={"if-match": given})
    assert (taken.status, taken.json["state"]) == (200, "DENIED")
    assert tool.call("PUT", path, headers={"if-match": given}).status == 412
    assert tool.call("PUT", path, headers={"if-match": taken.headers["etag"]}).json["state"] == "APPROVED"
