"""HTTP manners of the admin API: entity tags, repeated creates, pages, rehearsals, and problems (RFC 9457)."""

import json
from typing import Any

import pytest

from tests.support.http import request
from tests.web.admin.conftest import Tool


@pytest.fixture
def organisation(operator: Tool) -> str:
    """The number of an organisation that this test alone changes."""
    return operator.authority.registry.organisation()


def test_a_change_needs_the_state_that_was_seen(operator: Tool, organisation: str) -> None:
    """Without If-Match 428, with an old one 412 and no change, with the current one it is done and has a new tag."""
    path = f"/api/v1/organisations/{organisation}"
    seen = operator.call("GET", path)
    first = {"if-match": seen.headers["etag"]}
    assert operator.call("GET", path, headers={"if-none-match": seen.headers["etag"]}).status == 304
    assert operator.call("PATCH", path, {"name": "B"}).status == 428
    changed = operator.call("PATCH", path, {"name": "B"}, first)
    assert (changed.status, changed.json["name"]) == (200, "B")
    assert changed.headers["etag"] != seen.headers["etag"]
    assert operator.call("PATCH", path, {"name": "C"}, first).status == 412
    assert operator.call("GET", path).json["name"] == "B"


def test_a_create_that_is_sent_again_is_answered_again_and_done_once(tool: Tool) -> None:
    """The same key and body get the first answer; another body under the key is 422; a refused create frees it."""
    headers, body = {"idempotency-key": "k-1"}, {"scopes": [], "client_name": "once"}
    first, again = (tool.call("POST", "/api/v1/clients", body, headers) for _ in range(2))
    assert (first.status, again.status, first.body) == (200, 200, again.body)
    assert again.headers["idempotent-replayed"] == "true"
    listed = json.loads(tool.call("GET", "/api/v1/clients").body)
    assert [client["client_name"] for client in listed].count("once") == 1
    assert tool.call("POST", "/api/v1/clients", {**body, "client_name": "two"}, headers).status == 422
    refused = {"idempotency-key": "k-2"}
    assert tool.call("POST", "/api/v1/clients", {"scopes": ["no:such"]}, refused).status == 404
    assert tool.call("POST", "/api/v1/clients", {"scopes": []}, refused).status == 200


def test_a_list_is_read_page_by_page(operator: Tool) -> None:
    """Pages follow each other without a gap or a repetition, and a cursor leads nowhere but in its list."""
    numbers: list[str] = []
    path = "/api/v1/organisations?limit=2"
    cursor = ""
    while True:
        page = operator.call("GET", f"{path}{cursor}").json
        numbers += [item["orgno"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(numbers) > 2
    assert numbers == sorted(set(numbers))
    assert operator.call("GET", f"/api/v1/prefixes?limit=2{cursor}").status == 400
    assert operator.call("GET", f"{path}&cursor=AAAA").status == 400


def test_a_rehearsal_tells_and_changes_nothing(tool: Tool) -> None:
    """`dry_run` shows the record before and after and who got tokens by it; afterwards everything is as it was."""
    path = f"/api/v1/clients/{tool.client.id}"
    before = tool.call("GET", path).json
    told = tool.call("DELETE", f"{path}?dry_run=true")
    assert told.status == 200, told.body
    (change,) = told.json["changes"]
    assert (change["kind"], change["id"]) == ("client", tool.client.id)
    assert (change["before"]["active"], change["after"]["active"]) == (True, False)
    (affected,) = told.json["affected"]
    assert (affected["client_id"], affected["tokens"] > 0) == (tool.client.id, True)
    assert tool.call("GET", path).json == before
    made = tool.call("POST", "/clients?dry_run=true", {"client_id": "rehearsed", "scopes": []}).json
    assert made["changes"][0]["before"] is None
    assert tool.call("GET", "/clients/rehearsed").status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"orgno": "1"}, "name"),
        ({"orgno": "1", "name": "n", "active": True}, "active"),
        ({"orgno": 1, "name": "n"}, "orgno"),
    ],
)
def test_a_closed_body_is_refused_with_the_member_named(operator: Tool, body: dict[str, Any], field: str) -> None:
    """A missing, unknown or mistyped member of our own resources is a problem that names it."""
    answer = operator.call("POST", "/api/v1/organisations", body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.json["status"] == 400


@pytest.mark.parametrize("body", [b'{"orgno":"1","orgno":"2"}', b'{"orgno":NaN}', b"[" * 60_000, b"\xff", b"{"])
def test_json_with_two_meanings_is_refused(operator: Tool, body: bytes) -> None:
    """Repeated members, NaN, bottomless nesting and broken text are 400."""
    headers = {"authorization": f"Bearer {operator.token}", "content-type": "application/json"}
    assert request(operator.authority.port, "POST", "/api/v1/organisations", body, headers).status == 400


def test_a_large_body_is_refused_unread(operator: Tool) -> None:
    """More than 64 KiB is 413."""
    headers = {"authorization": f"Bearer {operator.token}", "content-type": "application/json"}
    answer = request(operator.authority.port, "POST", "/clients", b" " * 70_000, headers)
    assert (answer.status, answer.json["error"]) == (413, "invalid_request")


def test_a_delegation_is_given_read_and_revoked(tool: Tool, other: Tool) -> None:
    """Both parties see it, a stale revocation does nothing, a good one ends it; others get 404."""
    name = tool.authority.registry.scope(delegable=True)
    made = tool.call("POST", "/api/v1/delegations", {"supplier_orgno": other.orgno, "scopes": [name]})
    assert made.status == 201, made.body
    path = made.headers["location"]
    assert other.call("GET", path).json == made.json
    assert tool.call("DELETE", path, headers={"if-match": '"00"'}).status == 412
    ended = tool.call("DELETE", path, headers={"if-match": made.headers["etag"]})
    assert ended.json["status"] == "revoked"
    assert tool.call("GET", "/api/v1/delegations/nobody").status == 404
