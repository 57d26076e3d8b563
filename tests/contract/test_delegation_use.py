"""What delegations were used for, read from the decision records of every kind of database."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.oauth.delegation_use import DAY, use_of
from authserver.record.decisions import SqlDecisions
from authserver.record.use import SqlDelegationUse
from authserver.storage.database import Database
from tests.contract.conftest import Closer
from tests.contract.registry import CONSUMER, NOW, OWNER, SUPPLIER
from tests.contract.test_decisions import decision

pytestmark = pytest.mark.anyio
TODAY = NOW - NOW % DAY


async def record(database: Database, closing: Closer, *rows: dict[str, Any]) -> None:
    """Put decisions on record."""
    decisions = SqlDecisions(database)
    closing(decisions.close)
    for number, changes in enumerate(rows):
        await decisions.commit(decision(number, **{"assertion_id": f"jti-{number}", **changes}))


async def test_tokens_are_counted_by_day_scope_audience_and_client(database: Database, closing: Closer) -> None:
    """The use of a delegation is every token issued by virtue of it, alone or beside others, and nothing else."""
    await record(
        database,
        closing,
        {"at": TODAY - 1, "scopes": ("tax:read",)},
        {"at": TODAY, "delegation_id": "d1 d2"},
        {"at": TODAY + 5, "client_id": "client-2", "audience": ("https://other.example/",)},
        {"at": TODAY + 6, "outcome": "refused"},
        {"at": TODAY + 7, "delegation_id": "d11"},
        {"at": TODAY + 8, "delegation_id": ""},
        {"at": TODAY + 9, "consumer_orgno": OWNER},
    )
    issued = await SqlDelegationUse(database).issued([CONSUMER], TODAY - DAY, TODAY + DAY)
    use = use_of("d1", CONSUMER, issued)
    assert (use.tokens, use.first_at, use.last_at, use.complete_since) == (3, TODAY - 1, TODAY + 5, None)
    assert use.days == {TODAY - DAY: 1, TODAY: 2}
    assert use.scopes == {"tax:read": 3, "tax:write": 2}
    assert use.audiences == {"https://tax.example/": 2, "https://other.example/": 1}
    assert use.clients == {"client-1": 2, "client-2": 1}
    assert use_of("d2", CONSUMER, issued).tokens == 1


async def test_an_owner_hears_of_its_own_scopes_alone(database: Database, closing: Closer) -> None:
    """Tokens without a scope of the owner's are left out, and of the others only its own scopes are told."""
    await record(database, closing, {"scopes": ("tax:read", "nav:read")}, {"scopes": ("nav:read",)})
    issued = await SqlDelegationUse(database).issued([CONSUMER], NOW, NOW + 1)
    use = use_of("d1", CONSUMER, issued, frozenset({"tax:read"}))
    assert (use.tokens, use.scopes, use.audiences) == (1, {"tax:read": 1}, {})


async def test_the_time_asked_for_bounds_what_is_counted(database: Database, closing: Closer) -> None:
    """A token counts from `since` until before `until`."""
    await record(database, closing, {"at": NOW - 1}, {"at": NOW}, {"at": NOW + 9}, {"at": NOW + 10})
    issued = await SqlDelegationUse(database).issued([CONSUMER], NOW, NOW + 10)
    use = use_of("d1", CONSUMER, issued)
    assert (use.first_at, use.last_at, use.tokens) == (NOW, NOW + 9, 2)


async def test_what_is_too_much_to_read_is_said(database: Database, closing: Closer) -> None:
    """Of each consumer no more than its share of records is read, and from when on the figures are whole is told."""
    mine = [{"at": NOW + step} for step in range(4)]
    await record(database, closing, *mine, {"at": NOW, "consumer_orgno": OWNER, "supplier_orgno": SUPPLIER})
    issued = await SqlDelegationUse(database, most_records=6).issued([CONSUMER, OWNER], NOW, NOW + 10)
    assert use_of("d1", CONSUMER, issued).complete_since == NOW + 2
    assert issued.complete_since == {CONSUMER: NOW + 2}
    assert sum(row.tokens for row in issued.rows) == 4


async def test_nobody_was_issued_nothing(database: Database) -> None:
    """Without consumers, and for a consumer without records, there is no use and no doubt about it."""
    use = SqlDelegationUse(database)
    assert (await use.issued([], NOW, NOW + 1)).rows == ()
    empty = use_of("d1", CONSUMER, await use.issued([CONSUMER], NOW, NOW + 1))
    assert (empty.tokens, empty.first_at, empty.last_at, empty.days, empty.complete_since) == (0, None, None, {}, None)
