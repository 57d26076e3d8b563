"""Every endpoint of the self-service API that existing tools know, one line each: answered here, or not at all."""

from __future__ import annotations

import json
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.keys import make_key
from tests.web.admin.conftest import NewTool, Tool
from tests.web.admin.test_clients import NEW

KEY = make_key("RS256")
CLIENT = "/clients/{client}"
KEYS = f"{CLIENT}/jwks"
OTHERS = f"{CLIENT}/onbehalfof"
SCOPE = {"prefix": "{prefix}", "subscope": "made", "description": "d"}
# Method, path, the admin scope that is enough (none: no token), what is sent, and the status of the answer.
ANSWERED: list[tuple[str, str, str, Any, int]] = [
    ("GET", "/clients?inactive=true", "dcr.read", None, 200),
    ("POST", "/clients", "dcr.write", NEW, 200),
    ("GET", CLIENT, "dcr.read", None, 200),
    ("PUT", CLIENT, "dcr.write", NEW, 200),
    ("GET", KEYS, "dcr.read", None, 200),
    ("POST", KEYS, "dcr.modify", {"keys": [KEY.jwk]}, 200),
    ("GET", f"{KEYS}/{KEY.kid}", "dcr.read", None, 200),
    ("PUT", f"{KEYS}/{KEY.kid}", "dcr.modify", KEY.jwk, 200),
    ("DELETE", f"{KEYS}/{KEY.kid}", "dcr.modify", None, 200),
    ("POST", "/api/v2/clients/{client}/key", "dcr.modify", json.dumps(KEY.jwk), 200),
    ("DELETE", KEYS, "dcr.modify", None, 200),
    ("POST", OTHERS, "dcr.modify", {"onbehalfof": "a", "name": "A"}, 200),
    ("GET", OTHERS, "dcr.read", None, 200),
    ("GET", f"{OTHERS}/a", "dcr.read", None, 200),
    ("PUT", f"{OTHERS}/a", "dcr.write", {"name": "B"}, 200),
    ("DELETE", f"{OTHERS}/a", "dcr.write", None, 200),
    ("DELETE", CLIENT, "dcr.write", None, 200),
    ("GET", "/scopes?inactive=true", "scopes.read", None, 200),
    ("POST", "/scopes", "scopes.write", SCOPE, 200),
    ("PUT", "/scopes?scope={scope}", "scopes.write", {"description": "d"}, 200),
    ("GET", "/scopes/scope?scope={scope}", "scopes.read", None, 200),
    ("GET", "/scopes?scope={scope}", "scopes.read", None, 200),
    ("GET", "/scopes/all?prefix={prefix}&inactive=true&accessible_for_all=false", "", None, 200),
    ("GET", "/scopes/all?delegated_sources=nobody&integration_type=maskinporten", "", None, 200),
    ("PUT", "/scopes/access/{consumer}?scope={scope}", "scopes.write", None, 200),
    ("GET", "/scopes/access?scope={scope}&inactive=true", "scopes.read", None, 200),
    ("GET", "/scopes/access?consumer_orgno={consumer}", "scopes.read", None, 200),
    ("GET", "/scopes/access/all?inactive=true", "scopes.read", None, 200),
    ("DELETE", "/scopes/access/{consumer}?scope={scope}", "scopes.write", None, 200),
    ("DELETE", "/scopes?scope={scope}", "scopes.write", None, 200),
    ("GET", "/prefix", "scopes.read", None, 200),
    ("GET", "/prefix/all?inactive=true", "", None, 200),
    ("GET", "/delegationsources", "", None, 200),
    ("GET", "/organizations/{consumer}", "", None, 200),
]
# What docs/reference/divergences.md says is not answered here.
NOT_HERE: list[tuple[str, str]] = [
    ("POST", f"{CLIENT}/secret"),
    ("GET", "/integrations"),
    ("GET", "/apis"),
    ("GET", "/auth/user"),
    ("POST", "/auth/switch-synth-org"),
    ("GET", "/datasharing/consumer/scope/access"),
    ("GET", "/datasharing/consumer/client"),
    ("POST", "/datasharing/consumer/client"),
    ("DELETE", "/datasharing/consumer/client"),
]


@pytest.fixture(scope="module")
def names(new_tool: NewTool) -> dict[str, str]:
    """An organisation with a prefix, a scope and a client, and a consumer."""
    owner = new_tool()
    registry = owner.authority.registry
    prefix = registry.prefix(f"p{token_hex(4)}", owner.orgno)
    return {
        "owner": owner.orgno,
        "prefix": prefix,
        "scope": registry.scope(f"{prefix}:a/b"),
        "client": registry.client(org=owner.orgno).id,
        "consumer": registry.organisation(),
    }


@pytest.fixture(scope="module")
def callers(new_tool: NewTool, names: dict[str, str]) -> dict[str, tuple[Tool, str]]:
    """A tool of that organisation for each admin scope, with a token."""
    wanted = sorted({scope for _, _, scope, _, _ in ANSWERED if scope})
    tools = {scope: new_tool(scope, org=names["owner"]) for scope in wanted}
    return {scope: (tool, tool.token) for scope, tool in tools.items()}


def named(value: Any, names: dict[str, str]) -> Any:
    """The path or the body with the names in it."""
    if isinstance(value, dict):
        return {name: named(one, names) for name, one in value.items()}
    if isinstance(value, str) and not value.startswith('{"'):
        for name, one in names.items():
            value = value.replace(f"{{{name}}}", quote(one, safe=":/"))
    return value


@pytest.mark.parametrize("line", ANSWERED, ids=[f"{line[0]} {line[1]}".replace(KEY.kid, "{kid}") for line in ANSWERED])
def test_an_endpoint_answers_with_its_scope_and_no_other(
    tool: Tool, callers: dict[str, tuple[Tool, str]], names: dict[str, str], line: tuple[str, str, str, Any, int]
) -> None:
    """With the one scope it is done; with one of the other part 403; without a token 401 unless anybody may."""
    method, path, scope, body, status = line
    where = path if path.startswith("/api/") else f"/api/v1{path}"
    asked = named(where, names)
    if not scope:
        assert tool.call(method, asked, headers={"authorization": ""}).status == status
        return
    foreign, token = callers["scopes.read" if scope.startswith("dcr") else "dcr.read"]
    assert foreign.call(method, asked, named(body, names), token=token).status == 403
    assert foreign.call(method, asked, named(body, names), {"authorization": ""}, token=token).status == 401
    caller, token = callers[scope]
    answer = caller.call(method, asked, named(body, names), token=token)
    assert answer.status == status, answer.body


@pytest.mark.parametrize(("method", "path"), NOT_HERE, ids=[f"{method} {path}" for method, path in NOT_HERE])
def test_an_endpoint_that_is_not_here_is_not_found(tool: Tool, names: dict[str, str], method: str, path: str) -> None:
    """It is answered as a path that there is not, in JSON."""
    answer = tool.call(method, named(f"/api/v1{path}", names), {} if method == "POST" else None)
    assert answer.status == 404
    assert answer.json["status"] == 404


def test_onbehalfof_is_kept_as_it_is_said_and_grants_nothing(new_tool: NewTool) -> None:
    """Read back with times, shown on the client, kept when the client is replaced; the client gets no more by it."""
    tool = new_tool()
    made = tool.call("POST", "/clients", NEW).json
    path = f"/clients/{made['client_id']}"
    said = {"onbehalfof": "x.y", "name": "N", "orgno": "123456785", "description": "d", "uri": "u", "logo_uri": None}
    entry = tool.call("POST", f"{path}/onbehalfof", {**said, "created": "2021-01-01", "unknown": 1}).json
    assert {name: entry[name] for name in said} == said
    assert entry["created"].endswith("+00:00")
    assert entry["created"] == entry["last_updated"] != "2021-01-01"
    assert "unknown" not in entry
    client = tool.call("GET", path).json
    assert client["onbehalfof"] == [entry]
    assert client["scopes"] == []
    assert tool.call("PUT", path, {**client, "description": "new", "onbehalfof": []}).json["onbehalfof"] == [entry]
    assert tool.call("PUT", f"{path}/onbehalfof/x.y", entry).json == entry
    assert tool.call("POST", f"{path}/onbehalfof", said).status == 409
    assert tool.call("PUT", f"{path}/onbehalfof/x.y", {**said, "onbehalfof": "z"}).status == 400
    assert tool.call("PUT", f"{path}/onbehalfof/z", {"name": "N"}).status == 404
    assert [tool.call("POST", f"{path}/onbehalfof", {"onbehalfof": bad}).status for bad in ("", "a/b", None)] == [
        400
    ] * 3
    changed = tool.call("PUT", f"{path}/onbehalfof/x.y", {"name": "M"}).json
    assert (changed["name"], changed["orgno"], changed["created"]) == ("M", None, entry["created"])
    assert tool.call("DELETE", f"{path}/onbehalfof/x.y").body == b""
    assert tool.call("GET", f"{path}/onbehalfof").body == b"[]"


def test_onbehalfof_is_bounded(new_tool: NewTool) -> None:
    """What a client says of others takes so much room and no more."""
    tool = new_tool()
    path = f"/clients/{tool.client.id}/onbehalfof"
    statuses = [
        tool.call("POST", path, {"onbehalfof": str(number), "description": "d" * 6000}).status for number in range(4)
    ]
    assert statuses == [200, 200, 400, 400]


@pytest.mark.parametrize("scopes", [("dcr.supplier",), ("dcr.supplier", "dcr.write"), ("dcr.supplier", "scopes.write")])
def test_a_supplier_is_told_why_it_makes_no_client_of_a_customers(
    new_tool: NewTool, other: Tool, scopes: tuple[str, ...]
) -> None:
    """Whether there is such an organisation or not, the answer is the same and says what to do instead."""
    supplier = new_tool(*scopes)
    for orgno in (other.orgno, "123456785"):
        answer = supplier.call("POST", "/api/v1/clients", {**NEW, "client_orgno": orgno, "supplier_orgno": None})
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")
        assert "let the customer delegate" in answer.json["errors"][0]["errorMessage"]
    own = supplier.call("POST", "/api/v1/clients", {**NEW, "client_orgno": supplier.orgno})
    assert own.status == (200 if "dcr.write" in scopes else 403)


@pytest.mark.parametrize("member", [name for name in NEW if name != "client_name"])
def test_null_means_the_default_in_every_member(tool: Tool, member: str) -> None:
    """A client may be posted and replaced with null wherever a tool has nothing to say."""
    made = tool.call("POST", "/clients", {**NEW, member: None})
    assert made.status == 200, made.body
    path = f"/clients/{made.json['client_id']}"
    put = tool.call("PUT", path, {**dict.fromkeys(made.json), "client_name": "all null"})
    assert (put.status, put.json["active"], put.json["scopes"]) == (200, True, [])


def test_null_means_the_default_in_a_scope_and_a_key(new_tool: NewTool) -> None:
    """So it is in the members of a scope beyond its name, and in a key that was read and is sent again."""
    tool = new_tool()
    prefix = tool.authority.registry.prefix(owner=tool.orgno)
    made = tool.call("POST", "/scopes", {"prefix": prefix, "subscope": "s", "description": "d"}).json
    nulls = {**dict.fromkeys(made), "prefix": prefix, "subscope": "null", "description": "d"}
    scope = tool.call("POST", "/scopes", nulls)
    assert scope.status == 200, scope.body
    assert (scope.json["visibility"], scope.json["at_max_age"]) == ("PUBLIC", 0)
    path = f"/clients/{tool.client.id}/jwks"
    present = tool.call("GET", path).json["keys"]
    sent = [{**key, "x5c": None, "exp": None, "created": None} for key in present]
    assert tool.call("POST", path, {"keys": sent, "created": None}).status == 200
