"""The admin API where every token has the older shape: `AUTHSERVER_PROFILE=maskinporten`."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.authority import running
from tests.support.keys import make_key
from tests.web.admin.conftest import ADMINISTRATOR, PREFIX, Tool, established


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """An administrator's tool at an authority of that profile; it signs with RS256."""
    with running(tmp_path_factory.mktemp("older"), profile="maskinporten") as authority:
        established(authority)
        yield Tool(authority, authority.registry.granted_client(*ADMINISTRATOR, alg="RS256"))


def part(token: str, number: int) -> dict[str, Any]:
    """The header or the claims of a token."""
    text = token.split(".")[number]
    return dict(json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def test_a_token_of_the_older_shape_opens_the_admin_api(tool: Tool) -> None:
    """`typ` JWT, RS256, neither `sub` nor `aud`: clients are read, made, given a key, and deactivated."""
    token = tool.token
    header, claims = part(token, 0), part(token, 1)
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    assert {"sub", "aud"}.isdisjoint(claims)
    assert claims["consumer"]["ID"].endswith(tool.orgno)
    made = tool.call("POST", "/api/v1/clients", {"client_name": "n", "scopes": []}, token=token)
    assert made.status == 200, made.body
    path = f"/api/v1/clients/{made.json['client_id']}"
    assert tool.call("POST", f"{path}/jwks", {"keys": [make_key("RS256").jwk]}, token=token).status == 200
    assert tool.call("DELETE", path, token=token).status == 200
    assert tool.call("GET", "/api/v1/changes", token=token).json["items"]


def test_a_token_for_a_named_api_opens_it_only_if_that_is_the_admin_api(tool: Tool) -> None:
    """An audience that a client asked for counts: another API's token is 401, the admin API's own gets in."""
    ours = f"{tool.authority.issuer}api/{PREFIX}"
    for resource, status in ((ours, 200), ("https://api.example.org/", 401)):
        token = tool.authority.token(tool.client, resource=resource).token
        assert part(token, 1)["aud"] in (resource, [resource])
        assert tool.call("GET", "/api/v1/clients", token=token).status == status


def test_a_token_without_an_admin_scope_opens_nothing(tool: Tool) -> None:
    """Good as it is, a token for another scope is told which scopes would do."""
    registry = tool.authority.registry
    plain = Tool(tool.authority, registry.granted_client(alg="RS256"))
    answer = plain.call("GET", "/api/v1/clients")
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")
    forged = tool.token.split(".")
    assert tool.call("GET", "/api/v1/clients", token=f"{forged[0]}.{forged[1]}.AAAA").status == 401
