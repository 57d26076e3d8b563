"""Another organisation's records are as good as none: every operation of the admin API, with every other's ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from authserver.oauth.orgno import parse as parse_orgno
from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import ATTACKS, CALLS, NO_ORGANISATION, Attack, Call, body_of, unknown_ids
from tests.support.http import Answer

# Tables in which reading leaves traces, or that the node keeps for itself.
RUNNING = {"decisions", "spent_assertions", "nodes", "leases", "idempotent_answers", "webhook_progress"}
OF_ONE_ANSWER = {"correlation_id", "trace_id", "timestamp"}
OF_ONE_MOMENT = {"date"}
SWEPT = [(call, attack) for call in CALLS for attack in ATTACKS.get(str(call), ())]
# With each of these a foreign record must look like none: no condition, any state, a state nobody saw, a rehearsal.
MANNERS: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    ({"if-match": "*"}, {}),
    ({}, {}),
    ({"if-match": '"00"'}, {}),
    ({"if-match": "*"}, {"dry_run": "true"}),
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority that these sweeps alone use."""
    with land(tmp_path_factory.mktemp("idor")) as made:
        yield made


@pytest.fixture(scope="module")
def mine(sweep: Land) -> Estate:
    """The caller's own estate."""
    estate = sweep.estate()
    sweep.token(estate)
    return estate


@pytest.fixture(scope="module", params=["active", "deactivated", "the operator's"])
def foreign(request: pytest.FixtureRequest, sweep: Land) -> Estate:
    """The estate of another organisation."""
    if request.param == "the operator's":
        return sweep.estate(org=sweep.authority.settings.operator)
    return sweep.estate(deactivated=request.param == "deactivated")


def tables(sweep: Land) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that only a change may change, the change log among them."""
    found = sweep.authority.registry.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = {row["name"] for row in found} - RUNNING
    assert {"registry_changes", "clients", "client_keys", "scopes", "scope_access", "delegations"} <= names
    return {name: sweep.authority.registry.rows(f"SELECT * FROM {name}") for name in names}  # noqa: S608 - our names


def comparable(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """What must not tell a foreign record from none: everything but the moment and the id of the answer itself."""
    headers = {name: value for name, value in answer.headers.items() if name not in OF_ONE_MOMENT}
    body = json.loads(answer.body) if answer.body else None
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in OF_ONE_ANSWER}
    return answer.status, headers, body


def send(sweep: Land, mine: Estate, call: Call, attack: Attack, others: Any, manner: Any) -> Answer:
    """Send a request of the caller's with another's ids at the places under attack."""
    headers, query = manner
    ids = {**mine.ids, **{name: others[name] for name in (*attack.ids, *attack.body)}}
    body = body_of(call, ids)
    asked = {name: ids[name] for name in attack.ids if name in call.names("query")}
    known = {name: value for name, value in query.items() if name in call.names("query")}
    return sweep.call(mine, call, ids, body, headers, {**asked, **known})


def expected_of(call: Call, attack: Attack, manner: Any) -> set[int]:
    """The statuses that one manner of asking may get."""
    headers, query = manner
    if not headers and not query:
        # Our own resources ask for If-Match before they look for the record.
        return {attack.found, 428}
    # The record in the path is the caller's own, and it is not as the condition says.
    stale = {"client_id"} & {*call.names("path")} - {*attack.ids} and headers == {"if-match": '"00"'}
    return {attack.found, 412} if stale else {attack.found}


def test_every_operation_of_the_document_is_swept() -> None:
    """Each operation that takes a token has an entry of attacks, and each entry an operation."""
    assert {str(call) for call in CALLS if not call.public} == set(ATTACKS)
    named = {str(call): {*call.names("path")} for call in CALLS if not call.public}
    attacked = {name: {one for attack in attacks for one in attack.ids} for name, attacks in ATTACKS.items()}
    # Whom access is given to is public: the scope beside it is what may be another's.
    assert {name for name in named if not named[name] <= attacked[name] | {"consumer_orgno"}} == set()
    assert parse_orgno(NO_ORGANISATION) == NO_ORGANISATION


@pytest.mark.parametrize(
    ("call", "attack"), SWEPT, ids=[f"{call} {attack.ids or attack.body}" for call, attack in SWEPT]
)
def test_a_foreign_record_is_answered_like_none(
    sweep: Land, mine: Estate, foreign: Estate, call: Call, attack: Attack
) -> None:
    """Status, headers and body are those of an unknown id, nothing is changed, and nothing of the other is told."""
    before = tables(sweep)
    for manner in MANNERS:
        answer = send(sweep, mine, call, attack, foreign.ids, manner)
        nobody = send(sweep, mine, call, attack, unknown_ids(), manner)
        assert comparable(answer) == comparable(nobody), manner
        assert answer.status in expected_of(call, attack, manner), answer.body
        shown = f"{answer.headers} {answer.body.decode()}"
        assert [secret for secret in foreign.secrets if secret in shown] == []
    assert tables(sweep) == before


@pytest.mark.parametrize("call", [call for call in CALLS if call.method != "GET"], ids=str)
def test_the_same_request_works_with_ones_own_ids(sweep: Land, mine: Estate, call: Call) -> None:
    """What the sweep sends is refused for the ids alone: with the caller's own it would be done."""
    new = {"kid": "another", "supplier_orgno": sweep.authority.settings.operator}
    ids = {**mine.ids, **(new if "requestBody" in call.operation else {})}
    answer = sweep.call(mine, call, ids, body_of(call, ids), {"if-match": "*"}, {"dry_run": "true"})
    assert answer.status == (403 if call.operators else 200), answer.body


@pytest.mark.parametrize("call", [call for call in CALLS if call.method == "GET"], ids=str)
def test_what_one_may_read_tells_nothing_of_another(sweep: Land, mine: Estate, foreign: Estate, call: Call) -> None:
    """No list and no document of one's own, nor a public one, holds a private word of another organisation."""
    wide = {name: "true" for name in call.names("query") if name == "inactive"}
    ids = {**mine.ids, "orgnr": mine.ids["orgno"]}
    answer = sweep.call(mine, call, ids, query=wide)
    assert answer.status == (403 if call.operators else 200), answer.body
    shown = f"{answer.headers} {answer.body.decode()}"
    # A prefix is public together with its owner.
    told = {foreign.secrets[0]} if call.path == "/api/v1/prefix/all" else set()
    assert [secret for secret in foreign.secrets if secret in shown and secret not in told] == []
