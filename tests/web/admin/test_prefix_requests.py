"""Requests for prefixes over the admin API: organisations ask, the operator answers."""

from secrets import token_hex

import pytest

from tests.support.http import Answer
from tests.web.admin.conftest import NewTool, Tool

PATH = "/api/v1/prefix-requests"


@pytest.fixture
def prefix() -> str:
    """A prefix that nobody has."""
    return f"w{token_hex(6)}"


def ask(tool: Tool, prefix: str, **headers: str) -> Answer:
    """Ask for a prefix."""
    return tool.call("POST", PATH, {"prefix": prefix, "purpose": "Our APIs"}, headers)


def decide(tool: Tool, asked: Answer, verb: str, **body: str) -> Answer:
    """Answer or withdraw a request in the state that was seen."""
    sent = None if verb == "withdraw" else body
    return tool.call("POST", f"{PATH}/{asked.json['id']}/{verb}", sent, {"if-match": asked.headers["etag"]})


def test_a_prefix_is_asked_for_approved_and_used(tool: Tool, operator: Tool, prefix: str) -> None:
    """The operator finds the request in its list and approves; then the organisation defines scopes under it."""
    scope = {"prefix": prefix, "subscope": "read", "description": "d"}
    asked = ask(tool, prefix)
    assert (asked.status, asked.json["state"], asked.json["orgno"]) == (201, "REQUESTED", tool.orgno)
    assert tool.call("POST", "/scopes", scope).status == 404
    waiting = operator.call("GET", f"{PATH}?state=REQUESTED&orgno={tool.orgno}").json["items"]
    assert asked.json in waiting
    approved = decide(operator, asked, "approve", answer="Use it well")
    assert (approved.status, approved.json["state"], approved.json["answer"]) == (200, "APPROVED", "Use it well")
    assert tool.call("GET", asked.headers["location"]).json == approved.json
    assert tool.call("POST", "/scopes", scope).status == 200
    assert operator.call("GET", f"/api/v1/prefixes/{prefix}").json["owner_orgno"] == tool.orgno


def test_a_denial_says_why_and_frees_the_name(tool: Tool, other: Tool, operator: Tool, prefix: str) -> None:
    """Without an answer 400; denied, the name was never given, so another may ask for it."""
    asked = ask(tool, prefix)
    assert decide(operator, asked, "deny").status == 400
    denied = decide(operator, asked, "deny", answer="Not your name")
    assert (denied.json["state"], denied.json["answer"]) == ("DENIED", "Not your name")
    assert tool.call("GET", asked.headers["location"]).json == denied.json
    assert ask(other, prefix).status == 201


def test_an_organisation_answers_no_request_of_its_own(tool: Tool, prefix: str) -> None:
    """Approving and denying take the operator's scope, whatever the request; nothing is decided."""
    asked = ask(tool, prefix)
    assert decide(tool, asked, "approve").status == 403
    assert decide(tool, asked, "deny", answer="no").status == 403
    assert tool.call("GET", asked.headers["location"]).json == asked.json


def test_what_was_withdrawn_is_not_approved(tool: Tool, operator: Tool, prefix: str) -> None:
    """WITHDRAWN stays so, and a request that was decided is not withdrawn."""
    withdrawn = decide(tool, ask(tool, prefix), "withdraw")
    assert (withdrawn.status, withdrawn.json["state"]) == (200, "WITHDRAWN")
    assert decide(operator, withdrawn, "approve").status == 409
    approved = decide(operator, ask(tool, prefix), "approve")
    assert decide(tool, approved, "withdraw").status == 409


def test_what_is_taken_asked_for_or_looks_alike_is_refused(tool: Tool, other: Tool, prefix: str) -> None:
    """A second request for a name is 409 for anybody, and so is one for a name that could be taken for it."""
    assert ask(tool, f"{prefix}o").status == 201
    assert ask(tool, f"{prefix}o").status == 409
    assert ask(other, f"{prefix}o").status == 409
    assert ask(other, f"{prefix}0").status == 409
    assert ask(other, "No Prefix").status == 400


def test_a_decision_needs_the_state_that_was_seen(tool: Tool, operator: Tool, prefix: str) -> None:
    """Without If-Match 428, with the tag of another state 412, rehearsed 200; nothing is decided by any."""
    asked = ask(tool, prefix)
    path = f"{asked.headers['location']}/approve"
    assert operator.call("POST", path, {}).status == 428
    assert operator.call("POST", path, {}, {"if-match": '"00"'}).status == 412
    told = operator.call("POST", f"{path}?dry_run=true", {}, {"if-match": "*"})
    assert [change["kind"] for change in told.json["changes"]] == ["prefix_request", "prefix"]
    assert tool.call("GET", asked.headers["location"]).json == asked.json


def test_a_request_is_its_makers_alone(tool: Tool, other: Tool, new_tool: NewTool, prefix: str) -> None:
    """Another organisation gets 404 and an empty list; in the own one it takes a scope of `scopes`."""
    asked = ask(tool, prefix, **{"idempotency-key": f"ask-{prefix}"})
    assert ask(tool, prefix, **{"idempotency-key": f"ask-{prefix}"}).json == asked.json
    third = new_tool()
    assert third.call("GET", asked.headers["location"]).status == 404
    assert decide(third, asked, "withdraw").status == 404
    assert third.call("GET", PATH).json == {"items": [], "next": None}
    assert other.call("GET", f"{PATH}?orgno={tool.orgno}").status == 404
    assert new_tool("scopes.read", org=tool.orgno).call("GET", asked.headers["location"]).status == 200
    assert new_tool("dcr.write", org=tool.orgno).call("GET", asked.headers["location"]).status == 403
