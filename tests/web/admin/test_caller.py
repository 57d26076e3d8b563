"""Who may call the admin API: a bearer of a token of this authority, as the registry sees it at this moment."""

import json

import pytest

from tests.support.http import request
from tests.web.admin.conftest import NewTool, Tool


def test_a_token_with_the_scope_gets_in(tool: Tool) -> None:
    """A tool with `dcr.read` reads the clients of its organisation, itself among them."""
    answer = tool.call("GET", "/api/v1/clients")
    assert answer.status == 200, answer.body
    assert tool.client.id in {client["client_id"] for client in json.loads(answer.body)}


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer", "Bearer x.y.z", "Bearer e30.e30.e30"])
def test_no_believable_token_is_401_in_the_body_that_tools_read(tool: Tool, authorization: str) -> None:
    """Without a token of this authority the answer is 401, with a challenge and a non-empty list of errors."""
    headers = {"authorization": authorization} if authorization else {}
    answer = request(tool.authority.port, "GET", "/api/v1/clients", None, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json["errors"][0]["errorMessage"]
    assert answer.json["error"] == "invalid_token"


def test_a_token_that_was_tampered_with_is_refused(tool: Tool) -> None:
    """One flipped character in the claims of a good token is enough."""
    header, claims, signature = tool.token.split(".")
    swapped = claims[:-4] + ("AAAA" if claims[-4:] != "AAAA" else "BBBB")
    answer = tool.call("GET", "/api/v1/clients", token=f"{header}.{swapped}.{signature}")
    assert answer.status == 401


def test_a_token_for_another_api_is_refused(tool: Tool) -> None:
    """A good token of this authority whose audience is another API does not open this one."""
    token = tool.authority.token(tool.authority.registry.granted_client()).token
    assert tool.call("GET", "/api/v1/clients", token=token).status == 401


def test_a_token_without_the_scope_is_403_and_told_which(new_tool: NewTool) -> None:
    """A reader of scopes may not read clients, and a reader of clients may not make any."""
    reader = new_tool("scopes.read")
    answer = reader.call("GET", "/api/v1/clients")
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")
    assert "idporten:dcr.read" in answer.headers["www-authenticate"]
    assert new_tool("dcr.read").call("POST", "/api/v1/clients", {"scopes": []}).status == 403


@pytest.mark.parametrize("what", ["client", "organisation", "access"])
def test_what_was_revoked_counts_at_once_and_not_when_the_token_ends(new_tool: NewTool, what: str) -> None:
    """A token that is still good opens nothing once its client, organisation or access is gone."""
    gone = new_tool("dcr.read")
    token, registry = gone.token, gone.authority.registry
    assert gone.call("GET", "/api/v1/clients", token=token).status == 200
    if what == "client":
        registry.set_client(gone.client, active=False)
    elif what == "organisation":
        registry.set_organisation(gone.orgno, active=False)
    else:
        registry.revoke("idporten:dcr.read", gone.orgno)
    assert gone.call("GET", "/api/v1/clients", token=token).status == (403 if what == "access" else 401)


def test_the_operators_scope_serves_the_operator_alone(new_tool: NewTool, operator: Tool) -> None:
    """Another organisation that got hold of the operator's scope operates nothing."""
    assert operator.call("GET", "/api/v1/organisations").status == 200
    assert new_tool("operator").call("GET", "/api/v1/organisations").status == 403
