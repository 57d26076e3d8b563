"""Clients and keys, written the way existing tools write them."""

import json
from typing import Any

import pytest

from tests.support.keys import make_key
from tests.web.admin.conftest import NewTool, Tool

NEW: dict[str, Any] = {
    "client_name": "team:app",
    "description": "cluster:team:app",
    "integration_type": "maskinporten",
    "application_type": "web",
    "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
    "token_endpoint_auth_method": "private_key_jwt",
    "scopes": [],
    "redirect_uris": None,
    "post_logout_redirect_uris": None,
    "access_token_lifetime": 0,
    "created": "2021-01-13T10:53:56.301+01:00",
    "client_uri": "https://app.example/",
    "nobody_knows_this": 1,
}


def added(tool: Tool, **changes: Any) -> dict[str, Any]:
    """Register a client and return its document."""
    answer = tool.call("POST", "/api/v1/clients", {**NEW, **changes})
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_a_client_lives_under_the_old_and_the_new_path(tool: Tool, base: str) -> None:
    """Made, read, replaced, deactivated and revived by the calls of existing tools, with their lenience."""
    made = tool.call("POST", f"{base}/clients", NEW).json
    path = f"{base}/clients/{made['client_id']}"
    assert made["client_orgno"] == tool.orgno
    assert (made["active"], made["redirect_uris"], made["access_token_lifetime"]) == (True, [], 120)
    assert (made["description"], made["client_uri"]) == ("cluster:team:app", "https://app.example/")
    assert made["created"].endswith("+00:00")
    assert "nobody_knows_this" not in made
    assert tool.call("GET", path).json == made
    changed = tool.call("PUT", path, {**made, "client_name": "other", "access_token_lifetime": 60}).json
    assert (changed["client_name"], changed["access_token_lifetime"]) == ("other", 60)
    deleted = tool.call("DELETE", path)
    assert (deleted.status, deleted.body) == (200, b"")
    listed = json.loads(tool.call("GET", f"{base}/clients").body)
    assert made["client_id"] not in {client["client_id"] for client in listed}
    listed = json.loads(tool.call("GET", f"{base}/clients?inactive=true").body)
    assert made["client_id"] in {client["client_id"] for client in listed}
    again = tool.call("POST", f"{base}/clients", {**NEW, "client_id": made["client_id"]})
    assert (again.status, again.json["errors"][0]["isFieldError"]) == (409, False)
    assert tool.call("PUT", path, {**made, "active": True}).json["active"] is True


def test_a_foreign_client_is_answered_like_an_unknown_one(tool: Tool, other: Tool) -> None:
    """Every call on another organisation's client is 404 with the same words as on no client, and changes nothing."""
    made = added(tool)
    key = make_key("RS256").jwk
    before = tool.call("GET", f"/clients/{made['client_id']}").json
    for method, path, body in (
        ("GET", "/clients/{}", None),
        ("PUT", "/clients/{}", NEW),
        ("DELETE", "/clients/{}", None),
        ("GET", "/clients/{}/jwks", None),
        ("POST", "/clients/{}/jwks", {"keys": [key]}),
        ("DELETE", "/clients/{}/jwks", None),
        ("PUT", "/clients/{}/jwks/k", {**key, "kid": "k"}),
    ):
        foreign = other.call(method, path.format(made["client_id"]), body)
        unknown = other.call(method, path.format("nobody"), body)
        assert (foreign.status, unknown.status) == (404, 404), (method, path, foreign.body)
        assert foreign.json["error_description"] == unknown.json["error_description"]
    assert tool.call("GET", f"/clients/{made['client_id']}").json == before


def test_no_client_is_made_for_another_organisation(tool: Tool, other: Tool) -> None:
    """The organisation in the body must be the caller's own."""
    assert tool.call("POST", "/clients", {**NEW, "client_orgno": other.orgno}).status == 404


def test_the_key_set_is_replaced_as_a_whole_and_renewed_by_posting_again(tool: Tool) -> None:
    """A set posted replaces the one before; a set read back may be posted again; an empty one is refused."""
    path = f"/clients/{added(tool)['client_id']}/jwks"
    first, second = make_key("RS256"), make_key("RS256")
    posted = tool.call("POST", path, {"keys": [{**first.jwk, "use": "sig", "alg": "RS256"}]})
    assert posted.status == 200, posted.body
    (key,) = posted.json["keys"]
    assert (key["use"], key["alg"], key["kty"]) == ("sig", "RS256", "RSA")
    assert isinstance(key["exp"], int)
    both = tool.call("POST", path, {"keys": [key, {**second.jwk, "use": "sig"}]}).json["keys"]
    assert len(both) == 2
    assert len(tool.call("POST", path, {"keys": [key]}).json["keys"]) == 1
    assert tool.call("GET", f"{path}/{key['kid']}").json["n"] == first.jwk["n"]
    assert tool.call("POST", path, {"keys": []}).status == 400
    assert tool.call("DELETE", path).status == 200
    assert tool.call("GET", path).json["keys"] == []


def test_one_key_is_added_and_removed_by_its_kid(new_tool: NewTool) -> None:
    """With `dcr.modify` keys change, though clients do not."""
    tool = new_tool()
    made, keeper = added(tool), new_tool("dcr.modify", org=tool.orgno)
    path = f"/api/v1/clients/{made['client_id']}"
    key = {**make_key("RS256").jwk, "kid": "a.b_c-1", "use": "sig"}
    assert keeper.call("PUT", f"{path}/jwks/a.b_c-1", key).json["kid"] == "a.b_c-1"
    assert keeper.call("DELETE", f"{path}/jwks/a.b_c-1").status == 200
    assert keeper.call("GET", f"{path}/jwks/a.b_c-1").status == 404
    assert keeper.call("DELETE", path).status == 403


def test_private_halves_are_refused(tool: Tool) -> None:
    """A private JWK or PEM never gets past the door, and the answer shows nothing of it."""
    made = added(tool)
    jwk = {**make_key("RS256").jwk, "d": "AQAB"}
    answer = tool.call("POST", f"/clients/{made['client_id']}/jwks", {"keys": [jwk]})
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    assert tool.call("POST", f"/api/v2/clients/{made['client_id']}/key", pem).status == 400
    assert tool.call("GET", f"/clients/{made['client_id']}/jwks").json["keys"] == []
