"""Terms of scopes over the admin API: read, changed in the state that was seen, and in effect at once."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.http import Answer
from tests.web.admin.conftest import NewTool, Tool

PATH = "/api/v1/scope-terms"
DEFAULTS: dict[str, Any] = {
    "max_age": 0,
    "token_profile": None,
    "approval": "owner",
    "approved_consumers": [],
    "review_at": None,
    "contact": None,
}


@pytest.fixture
def scope(tool: Tool) -> str:
    """A scope of `tool` whose name holds a slash, and that this test alone changes."""
    return tool.authority.registry.scope(f"{tool.authority.registry.prefix(owner=tool.orgno)}:cases/read")


def path_of(scope: str) -> str:
    """Where the terms of a scope are."""
    return f"{PATH}/{quote(scope, safe='')}"


def change(tool: Tool, scope: str, body: dict[str, Any]) -> Answer:
    """Change terms in whatever state they are."""
    return tool.call("PATCH", path_of(scope), body, {"if-match": "*"})


def test_terms_are_read_and_changed_in_the_state_that_was_seen(tool: Tool, scope: str) -> None:
    """What is left out stays, what is null falls back, 428 without If-Match and 412 with an old tag change nothing."""
    seen = tool.call("GET", path_of(scope))
    assert seen.json == {"scope": scope, **DEFAULTS}
    first = {"if-match": seen.headers["etag"]}
    body = {"max_age": 60, "token_profile": "maskinporten", "contact": "api@example.org", "review_at": 1_900_000_000}
    assert tool.call("PATCH", path_of(scope), body).status == 428
    changed = tool.call("PATCH", path_of(scope), body, first)
    assert (changed.status, changed.json) == (200, {"scope": scope, **DEFAULTS, **body})
    assert tool.call("PATCH", path_of(scope), {"max_age": 30}, first).status == 412
    assert tool.call("GET", path_of(scope), headers={"if-none-match": changed.headers["etag"]}).status == 304
    back = change(tool, scope, {"token_profile": None, "contact": None})
    assert back.json == {"scope": scope, **DEFAULTS, "max_age": 60, "review_at": 1_900_000_000}


def test_terms_are_the_ones_that_the_older_calls_know(tool: Tool, scope: str) -> None:
    """The longest token life is `at_max_age` there, and replacing the scope there keeps the terms it cannot say."""
    change(tool, scope, {"max_age": 45, "approval": "any"})
    query = f"/scopes?scope={quote(scope, safe='')}"
    found = tool.call("GET", query).json
    assert found["at_max_age"] == 45
    assert tool.call("PUT", query, {**found, "description": "New"}).status == 200
    terms = tool.call("GET", path_of(scope)).json
    assert (terms["max_age"], terms["approval"]) == (45, "any")


def test_the_longest_token_life_holds_for_the_next_token(tool: Tool, scope: str) -> None:
    """A token that is asked for after the change lives no longer than the terms say."""
    client = tool.authority.registry.granted_client(scope)
    assert tool.authority.token(client).json["expires_in"] > 45
    change(tool, scope, {"max_age": 45})
    assert tool.authority.token(client).json["expires_in"] == 45


def test_the_owners_rule_approves_at_once(tool: Tool, other: Tool, new_tool: NewTool, scope: str) -> None:
    """With `listed` who is listed is approved when it asks, by the rule; who is not waits for the owner."""
    listed = change(tool, scope, {"approval": "listed", "approved_consumers": [other.orgno, other.orgno]})
    assert listed.json["approved_consumers"] == [other.orgno]
    body = {"scope": scope, "purpose": "p", "legal_basis": "l"}
    approved = other.call("POST", "/api/v1/access-requests", body).json
    assert (approved["state"], approved["by_rule"]) == ("APPROVED", True)
    waiting = new_tool().call("POST", "/api/v1/access-requests", body).json
    assert (waiting["state"], waiting["by_rule"]) == ("REQUESTED", False)


def test_a_rehearsal_names_who_got_tokens_and_changes_nothing(tool: Tool, scope: str) -> None:
    """`dry_run` shows the scope before and after, and the clients whose tokens carry it."""
    client = tool.authority.registry.granted_client(scope)
    assert tool.authority.token(client).status == 200
    told = tool.call("PATCH", f"{path_of(scope)}?dry_run=true", {"max_age": 30}, {"if-match": "*"}).json
    (would,) = told["changes"]
    assert (would["before"]["max_age"], would["after"]["max_age"]) == (0, 30)
    assert [one["client_id"] for one in told["affected"]] == [client.id]
    assert tool.call("GET", path_of(scope)).json["max_age"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"max_age": 3601},
        {"max_age": None},
        {"token_profile": "none"},
        {"approval": "everybody"},
        {"approved_consumers": ["123456789"]},
        {"approved_consumers": ["974761076"] * 1_001},
        {"review_at": 0},
        {"contact": "two\nlines"},
        {"accessible_for_all": True},
        {"owner_orgno": "974761076"},
    ],
)
def test_terms_that_may_not_be_kept_are_refused(tool: Tool, scope: str, body: dict[str, Any]) -> None:
    """Too long a life, unknown words, no organisations, and what is no term are 400, and nothing is changed."""
    assert change(tool, scope, body).status == 400
    assert tool.call("GET", path_of(scope)).json == {"scope": scope, **DEFAULTS}


def test_terms_are_listed_by_prefix_and_are_the_owners_alone(tool: Tool, other: Tool, scope: str) -> None:
    """The owner's list is narrowed by prefix; another organisation gets 404 and finds nothing by that prefix."""
    query = f"{PATH}?prefix={scope.partition(':')[0]}"
    assert [item["scope"] for item in tool.call("GET", query).json["items"]] == [scope]
    assert other.call("GET", query).json["items"] == []
    assert other.call("GET", path_of(scope)).status == 404
    assert change(other, scope, {"max_age": 1}).status == 404
