"""What the authority says of a record, nobody who writes it can say: every such member, in every body of the API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import CALLS, Call, body_of
from tests.support.http import Answer

STRANGER = "987654325"
YEAR = 365 * 24 * 3600
MOMENT = 300
LONG_AGO = "2001-01-01T00:00:00.000+00:00"
# Members that are the authority's to say, by all the names that they have in documents, records and tables.
SERVER_OWNED: dict[str, Any] = {
    "created": LONG_AGO,
    "last_updated": LONG_AGO,
    "created_at": 1,
    "changed_at": 1,
    "epoch": 1,
    "policy_epoch": 1,
    "version": 1,
    "revision": 1,
    "etag": '"00"',
    "id": "chosen",
    "kind": "operator",
    "actor": "operator",
    "rights": ["apis", "integrations", "delegations"],
    "owner": STRANGER,
    "owner_orgno": STRANGER,
    "orgno": STRANGER,
    "client_orgno": STRANGER,
    "supplier_orgno": STRANGER,
    "consumer_orgno": STRANGER,
    "organization_name": "Chosen",
    "owner_organization_name": "Chosen",
    "client_id": "chosen",
    "integration_type": "idporten",
    "profile": "maskinporten",
    "token_lifetime": 86_400,
    "extras": {"client_uri": "https://chosen.example/"},
    "attributes": {"chosen": True},
    "client_secret": "chosen",
    "jwks": {"keys": []},
    "jwks_uri": "https://chosen.example/jwks",
    "keys": [],
    "onbehalfof": [{"onbehalfof": "chosen"}],
    "state": "APPROVED",
    "status": "revoked",
    "decided_by": STRANGER,
    "valid_from": 1,
    "thumbprint": "chosen",
    "expires_at": 4_000_000_000,
    "secret": "chosen",
    "max_age": 86_400,
    "protected": True,
    "name": "chosen:name",
    "dry_run": False,
}
# Members of this list that a caller may say in these bodies, as the document tells.
SAID_BY_CALLERS: dict[str, set[str]] = {
    "POST /api/v1/clients/{client_id}/onbehalfof": {"name", "orgno", "organization_name"},
    "PUT /api/v1/clients/{client_id}/onbehalfof/{onbehalfof_id}": {"name", "orgno", "organization_name"},
    "POST /api/v1/clients": {"client_id"},
    "POST /api/v1/clients/{client_id}/jwks": {"keys"},
}
WRITES = [call for call in CALLS if "application/json" in call.operation.get("requestBody", {}).get("content", {})]
SWEPT = [
    (call, member)
    for call in WRITES
    if not call.operators
    for member in SERVER_OWNED
    if member not in SAID_BY_CALLERS.get(str(call), set())
]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority that these sweeps alone use."""
    with land(tmp_path_factory.mktemp("assignment")) as made:
        yield made


@pytest.fixture(scope="module")
def mine(sweep: Land) -> Estate:
    """The caller's estate, with a supplier that has no mandate yet."""
    return sweep.estate()


def ids_of(sweep: Land, mine: Estate) -> dict[str, str]:
    """The caller's own ids; new ones where something is to be made."""
    return {**mine.ids, "kid": "another", "supplier_orgno": sweep.authority.settings.operator}


def rehearsed(sweep: Land, mine: Estate, call: Call, ids: dict[str, str], body: Any) -> Answer:
    """What the write would do."""
    return sweep.call(mine, call, ids, body, {"if-match": "*"}, {"dry_run": "true"})


def outcome(answer: Answer, member: str) -> Any:
    """What a rehearsal would put, without the ids and the times that each one makes anew."""
    changes = answer.json["changes"]
    assert changes
    for change in changes:
        after = change["after"]
        # Scopes keep members that mean nothing to the authority, for tools that want them back.
        after.get("attributes", {}).pop(member, None)
        for made in ("id", "client_id"):
            if change["before"] is None and made in after:
                assert after.pop(made) == change.pop("id", None) != "chosen"
    return _without_now(changes)


def _without_now(value: Any) -> Any:
    """The same with words for the times that the authority takes from its clock: about now, about a year from now."""
    if isinstance(value, dict):
        return {name: _without_now(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_now(one) for one in value]
    if type(value) is int:
        ahead = value - time.time()
        return next((word for word, far in (("now", 0), ("in a year", YEAR)) if abs(ahead - far) < MOMENT), value)
    return value


@pytest.mark.parametrize(("call", "member"), SWEPT, ids=[f"{call} {member}" for call, member in SWEPT])
def test_a_member_that_is_the_authoritys_has_no_effect_or_is_refused(
    sweep: Land, mine: Estate, call: Call, member: str
) -> None:
    """With the member, the write would put exactly what it puts without it, or it is refused."""
    ids = ids_of(sweep, mine)
    body = body_of(call, ids)
    plain = rehearsed(sweep, mine, call, ids, body)
    assert plain.status == 200, plain.body
    answer = rehearsed(sweep, mine, call, ids, {**body, member: SERVER_OWNED[member]})
    if answer.status == 200:
        assert outcome(answer, member) == outcome(plain, member)
    else:
        assert answer.status in {400, 404}, answer.body


@pytest.mark.parametrize("call", [call for call in WRITES if call.operators], ids=str)
def test_no_member_makes_an_operator(sweep: Land, mine: Estate, call: Call) -> None:
    """What is the operator's alone stays so, whatever the body says of its sender."""
    body = {**body_of(call, mine.ids), **SERVER_OWNED}
    assert sweep.call(mine, call, mine.ids, body, {"if-match": "*"}).status == 403


def test_a_record_that_was_written_says_what_the_authority_says(sweep: Land, mine: Estate) -> None:
    """Written for real with all that is ignored, client and scope are the caller's, of now, and in its name."""
    refused = {"client_orgno", "client_id", "integration_type", "keys", "name", "orgno", "owner_orgno"}
    extra = {name: value for name, value in SERVER_OWNED.items() if name not in refused}
    made = sweep.call(mine, Call("POST", "/api/v1/clients"), mine.ids, {**extra, "client_name": "n", "scopes": []}).json
    assert made["client_orgno"] == mine.ids["orgno"]
    assert made["created"] != LONG_AGO
    assert (made["supplier_orgno"], made["onbehalfof"], made["access_token_lifetime"]) == (None, [], 120)
    assert not {"client_secret", "jwks", "epoch", "kind"} & set(made)
    body = {**extra, "owner_orgno": STRANGER, "prefix": mine.ids["prefix"], "subscope": "written", "description": "d"}
    scope = sweep.call(mine, Call("POST", "/api/v1/scopes"), mine.ids, body).json
    assert (scope["owner_orgno"], scope["name"]) == (mine.ids["orgno"], f"{mine.ids['prefix']}:written")
    assert LONG_AGO not in (scope["created"], scope["last_updated"])
    rows = sweep.authority.registry.rows("SELECT * FROM registry_changes ORDER BY epoch DESC LIMIT 2")
    assert mine.client.id in json.dumps(rows[0], default=str)
    assert mine.client.id in json.dumps(rows[1], default=str)
