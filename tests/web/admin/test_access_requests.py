"""Requests for access over the admin API: who asks, sees, answers and withdraws, and what older calls show."""

import json
from urllib.parse import quote

import pytest

from tests.support.http import Answer
from tests.web.admin.conftest import NewTool, Tool

PATH = "/api/v1/access-requests"


@pytest.fixture
def scope(tool: Tool) -> str:
    """A public scope of `tool` that this test alone asks for."""
    return tool.authority.registry.scope(f"{tool.authority.registry.prefix(owner=tool.orgno)}:read")


def ask(tool: Tool, scope: str, **headers: str) -> Answer:
    """Ask for a scope, with a purpose and a legal basis."""
    body = {"scope": scope, "purpose": "Pay out benefits", "legal_basis": "The National Insurance Act"}
    return tool.call("POST", PATH, body, headers)


def decide(tool: Tool, asked: Answer, verb: str, **body: str) -> Answer:
    """Answer or withdraw a request in the state that was seen."""
    sent = None if verb == "withdraw" else body
    return tool.call("POST", f"{PATH}/{asked.json['id']}/{verb}", sent, {"if-match": asked.headers["etag"]})


def access_of(tool: Tool, scope: str, path: str = "/scopes/access") -> list[str]:
    """The states of access to a scope in the older calls, denied ones too."""
    rows = json.loads(tool.call("GET", f"{path}?inactive=true").body)
    return [row["state"] for row in rows if row["scope"] == scope]


def test_what_is_asked_is_seen_by_both_sides_and_approved_by_the_owner(tool: Tool, other: Tool, scope: str) -> None:
    """REQUESTED is in both lists and in the older calls of both; APPROVED with the owner's words is so everywhere."""
    asked = ask(other, scope)
    assert (asked.status, asked.json["state"], asked.json["decided_at"]) == (201, "REQUESTED", None)
    assert asked.json["consumer_orgno"] == other.orgno
    path = asked.headers["location"]
    for one in (tool, other):
        seen = one.call("GET", path)
        assert (seen.json, seen.headers["etag"]) == (asked.json, asked.headers["etag"])
    assert access_of(tool, scope) == access_of(other, scope, "/scopes/access/all") == ["REQUESTED"]
    (made,) = other.call("GET", f"{PATH}?scope={quote(scope)}").json["items"]
    (received,) = tool.call("GET", f"{PATH}?direction=received&scope={quote(scope)}&state=REQUESTED").json["items"]
    assert made == received == asked.json
    approved = decide(tool, asked, "approve", answer="Welcome")
    assert (approved.status, approved.json["state"], approved.json["answer"]) == (200, "APPROVED", "Welcome")
    assert approved.json["decided_at"] >= asked.json["asked_at"]
    assert other.call("GET", path).json == approved.json
    assert access_of(tool, scope) == access_of(other, scope, "/scopes/access/all") == ["APPROVED"]


def test_a_denial_says_why_and_the_consumer_may_ask_again(tool: Tool, other: Tool, scope: str) -> None:
    """Without an answer 400; with one it is DENIED there and in the older calls, and a new request may follow."""
    asked = ask(other, scope)
    assert decide(tool, asked, "deny").status == 400
    assert decide(tool, asked, "deny", answer=" ").status == 400
    denied = decide(tool, asked, "deny", answer="No legal basis")
    assert (denied.json["state"], denied.json["answer"]) == ("DENIED", "No legal basis")
    assert access_of(other, scope, "/scopes/access/all") == ["DENIED"]
    again = ask(other, scope)
    assert (again.status, again.json["id"] == asked.json["id"]) == (201, False)
    assert decide(tool, again, "approve").json["state"] == "APPROVED"


def test_only_the_consumer_withdraws_and_only_what_nobody_decided(tool: Tool, other: Tool, scope: str) -> None:
    """The owner gets 403; withdrawn, it can be approved no more, and an approved one cannot be withdrawn."""
    asked = ask(other, scope)
    assert decide(tool, asked, "withdraw").status == 403
    assert decide(other, asked, "approve").status == 403
    withdrawn = decide(other, asked, "withdraw")
    assert (withdrawn.status, withdrawn.json["state"]) == (200, "WITHDRAWN")
    assert decide(tool, withdrawn, "approve").status == 409
    second = ask(other, scope)
    assert decide(other, decide(tool, second, "approve"), "withdraw").status == 409


def test_an_answer_by_the_older_calls_settles_the_request(tool: Tool, other: Tool, scope: str) -> None:
    """PUT on the access approves the request that waits for it, with the reason as its answer."""
    asked = ask(other, scope)
    path = f"/api/v1/scopes/access/{other.orgno}?scope={quote(scope)}&reason=Agreed"
    assert tool.call("PUT", path).json["state"] == "APPROVED"
    settled = other.call("GET", asked.headers["location"]).json
    assert (settled["state"], settled["answer"]) == ("APPROVED", "Agreed")


def test_a_decision_needs_the_state_that_was_seen(tool: Tool, other: Tool, scope: str) -> None:
    """Without If-Match 428, with the tag of another state 412 and nothing is decided."""
    asked = ask(other, scope)
    path = f"{asked.headers['location']}/approve"
    assert tool.call("POST", path, {}).status == 428
    assert tool.call("POST", path, {}, {"if-match": '"00"'}).status == 412
    assert tool.call("GET", asked.headers["location"]).json["state"] == "REQUESTED"
    seen = tool.call("GET", asked.headers["location"], headers={"if-none-match": asked.headers["etag"]})
    assert seen.status == 304


def test_a_rehearsed_approval_decides_nothing(tool: Tool, other: Tool, scope: str) -> None:
    """`dry_run` tells of the request and the access that would change; both stay as they were."""
    asked = ask(other, scope)
    told = tool.call("POST", f"{asked.headers['location']}/approve?dry_run=true", {}, {"if-match": "*"}).json
    assert {change["kind"]: change["after"]["state"] for change in told["changes"]} == {
        "access": "APPROVED",
        "access_request": "APPROVED",
    }
    assert access_of(tool, scope) == ["REQUESTED"]
    assert tool.call("GET", asked.headers["location"]).json == asked.json


def test_a_request_sent_again_is_made_once(other: Tool, scope: str) -> None:
    """The same Idempotency-Key gets the same request; without it the second is a conflict."""
    first, again = (ask(other, scope, **{"idempotency-key": f"ask-{scope}"}) for _ in range(2))
    assert (first.status, again.status, first.json) == (201, 201, again.json)
    assert ask(other, scope).status == 409


def test_the_reason_of_a_decision_is_in_the_change_log(tool: Tool, other: Tool, scope: str) -> None:
    """`reason` is logged and not told the consumer; without it the answer is logged."""
    first = ask(other, scope)
    path = f"{first.headers['location']}/deny?reason=Case+17"
    denied = tool.call("POST", path, {"answer": "Not now"}, {"if-match": "*"})
    second = ask(other, scope)
    assert decide(tool, second, "approve", answer="Now").status == 200
    rows = tool.authority.registry.rows(
        "SELECT id, reason FROM registry_changes WHERE kind = 'access_request' AND action = 'changed' ORDER BY seq"
    )
    assert denied.json["answer"] == "Not now"
    assert [row["reason"] for row in rows if row["id"] in (first.json["id"], second.json["id"])] == ["Case 17", "Now"]


def test_the_rights_to_ask_and_to_answer_are_separate(tool: Tool, other: Tool, new_tool: NewTool, scope: str) -> None:
    """Asking takes `dcr.write`, answering `scopes.write`; either, and the readers, may look."""
    integrations, apis = new_tool("dcr.write", org=other.orgno), new_tool("scopes.write", org=tool.orgno)
    assert ask(new_tool("scopes.write", org=other.orgno), scope).status == 403
    asked = ask(integrations, scope)
    assert asked.status == 201, asked.body
    assert decide(new_tool("dcr.write", org=tool.orgno), asked, "approve").status == 403
    assert apis.call("GET", asked.headers["location"]).status == 200
    assert new_tool("delegations.read", org=tool.orgno).call("GET", asked.headers["location"]).status == 403
    assert decide(apis, asked, "approve").json["state"] == "APPROVED"


def test_a_third_organisation_sees_nothing_of_it(tool: Tool, other: Tool, new_tool: NewTool, scope: str) -> None:
    """To whom it does not concern a request is 404, in no list, and cannot be asked for by another's number."""
    asked, third = ask(other, scope), new_tool()
    assert third.call("GET", asked.headers["location"]).status == 404
    assert decide(third, asked, "approve").status == 404
    assert third.call("GET", f"{PATH}?direction=received").json == {"items": [], "next": None}
    assert third.call("GET", f"{PATH}?direction=received&orgno={tool.orgno}").status == 404
    body = {"scope": scope, "purpose": "p", "legal_basis": "l", "consumer_orgno": other.orgno}
    assert third.call("POST", PATH, body).status == 404


def test_the_operator_sees_one_organisations_requests_by_pages(operator: Tool, new_tool: NewTool, scope: str) -> None:
    """With `orgno` the operator's list is one organisation's, in pages that follow each other."""
    asking = new_tool()
    registry = operator.authority.registry
    made = sorted(registry.ask(registry.scope(), asking.orgno) for _ in range(3))
    path = f"{PATH}?orgno={asking.orgno}&limit=2"
    first = operator.call("GET", path).json
    second = operator.call("GET", f"{path}&cursor={first['next']}").json
    assert [item["id"] for page in (first, second) for item in page["items"]] == made
    assert second["next"] is None
    assert operator.call("GET", f"{PATH}?orgno=12").status == 400
