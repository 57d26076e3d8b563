"""Every write of the admin API is in the change log, with who and why, before and after; nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from secrets import token_hex
from typing import Any, Final

import pytest

from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import CALLS, NO_ORGANISATION, Call, Ids, body_of

# Who asked for it is on record beside the record, which stays as it is.
SAME_AFTER: Final = {
    "POST /api/v1/webhooks/{webhook_id}/dead-letters/resend",
    "PUT /api/v1/delegations/{delegation_id}/signature",
}
# Nobody demands consent to the delegation of an estate, so to give it changes nothing.
NOTHING_TO_DO: Final = {"POST /api/v1/delegations/{delegation_id}/consent"}
# What must be done before there is something to do.
FIRST: Final = {
    "POST /api/v1/delegations/{delegation_id}/resume": Call("POST", "/api/v1/delegations/{delegation_id}/suspend"),
    "PUT /api/v1/scopes/access/{consumer_orgno}": Call("DELETE", "/api/v1/scopes/access/{consumer_orgno}"),
}
WRITES: Final = [call for call in CALLS if call.method != "GET"]
DONE: Final = {200, 201}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority that these writes alone use."""
    with land(tmp_path_factory.mktemp("changes")) as made:
        yield made


@pytest.fixture(scope="module")
def operator(sweep: Land) -> Estate:
    """The operator."""
    return sweep.estate("operator", org=sweep.authority.settings.operator)


@pytest.fixture(scope="module")
def reader(sweep: Land) -> Estate:
    """One who may read alone."""
    estate = sweep.estate("dcr.read", "scopes.read", "delegations.read")
    sweep.token(estate)
    return estate


@pytest.fixture
def mine(sweep: Land) -> Estate:
    """An organisation of the test's own, which may do what it likes with what it has."""
    return sweep.estate()


def log(sweep: Land, after: int) -> list[dict[str, Any]]:
    """The change log after this number, in order."""
    return sweep.authority.registry.rows("SELECT * FROM registry_changes WHERE seq > :after ORDER BY seq", after=after)


def newest(sweep: Land) -> int:
    """The number of the newest change."""
    return int(sweep.authority.registry.rows("SELECT max(seq) AS seq FROM registry_changes")[0]["seq"])


def ids_of(sweep: Land, mine: Estate, call: Call) -> Ids:
    """The caller's own ids; of what is to be made, new ones."""
    ids = {**mine.ids, "supplier_orgno": sweep.authority.settings.operator}
    if call.path.startswith(("/api/v1/organisations", "/api/v1/prefixes")) and call.method == "POST":
        ids |= {"orgno": NO_ORGANISATION, "prefix": f"n{token_hex(4)}"}
    return ids | ({"kid": "another"} if "requestBody" in call.operation else {})


@pytest.mark.parametrize("call", WRITES, ids=str)
def test_a_write_is_in_the_change_log_and_a_rehearsal_or_a_refusal_is_not(
    sweep: Land, operator: Estate, reader: Estate, mine: Estate, call: Call
) -> None:
    """One change of one epoch names client, organisation and reason, and each record before and after."""
    caller, ids = operator if call.operators else mine, ids_of(sweep, mine, call)
    body, why = body_of(call, ids), f"because {token_hex(4)}"
    sweep.token(caller)
    if str(call) in FIRST:
        assert sweep.call(caller, FIRST[str(call)], ids, None, {"if-match": "*"}).status == 200
    before = newest(sweep)

    refused = sweep.call(reader, call, ids, body, {"if-match": "*"}, {"reason": why})
    assert refused.status == 403, refused.body
    if "if-match" in call.names("header"):
        assert sweep.call(caller, call, ids, body, {"if-match": '"00"'}, {"reason": why}).status == 412
    rehearsed = sweep.call(caller, call, ids, body, {"if-match": "*"}, {"dry_run": "true", "reason": why})
    assert rehearsed.status == 200, rehearsed.body
    assert newest(sweep) == before

    answer = sweep.call(caller, call, ids, body, {"if-match": "*"}, {"reason": why})
    assert answer.status in {200, 201}, answer.body
    added = log(sweep, before)
    told = [(one["kind"], one["before"] is None) for one in rehearsed.json["changes"]]
    assert [(row["kind"], row["before"] is None) for row in added] == told
    who = (caller.client.id, caller.ids["orgno"], "operator" if call.operators else "organisation", why)
    for row in added:
        assert (row["actor_client_id"], row["actor_orgno"], row["actor_kind"], row["reason"]) == who
        assert (row["action"] == "created") == (row["before"] is None)
        assert (json.loads(row["after"]) == json.loads(row["before"] or "null")) == (str(call) in SAME_AFTER)
    assert len({row["epoch"] for row in added}) == (0 if str(call) in NOTHING_TO_DO else 1)
