"""A backup: one SQLite file with everything of a database, and the way back from it.

The registry is replaced by what the file holds. The change log, the record of decisions and the memory of spent
assertions are only added to: no restore takes anything from the record.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import LONGEST_ASSERTION_MEMORY
from authserver.oauth.models import Record
from authserver.storage import rows
from authserver.storage.database import Database, Dialect
from authserver.storage.errors import DatabaseFault
from authserver.storage.idempotency import installation
from authserver.storage.migrations import Standing, migrate, standing
from authserver.storage.reading import mappings, read_clients, read_delegations, read_epoch
from authserver.storage.registry_change import Actor
from authserver.storage.registry_store import WHOLE
from authserver.storage.schema import (
    access_requests,
    compatibility,
    decisions,
    delegation_sources,
    leases,
    metadata,
    nodes,
    organisations,
    packages,
    policy_epoch,
    prefix_requests,
    prefixes,
    registry_changes,
    scope_access,
    scopes,
    spent_assertions,
    webhooks,
)

GROWING: Final = (registry_changes, decisions, spent_assertions)
REPLACED: Final = tuple(
    table
    for table in metadata.sorted_tables
    if table not in {*GROWING, policy_epoch, compatibility, nodes, installation, leases}
)
_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds of the registry, and the policy epoch that made it so."""

    epoch: int
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that took effect: the new policy `epoch`, and until when (seconds) no token is issued.

    `before` is what the database held when it began, `after` what it holds now.
    """

    epoch: int
    paused_until: int
    before: Held
    after: Held


async def copy_to(database: Database, backup: Database, url: str) -> Held:
    """Copy one state of the database into an empty `backup`, which `url` names. Raises what the drivers raise."""
    await migrate(url)
    async with database.read() as source, backup.write() as target:
        for table in (*REPLACED, *GROWING):
            async for batch in _batches(source, table):
                await target.execute(insert(table), batch)
        held = await held_by(source)
        await target.execute(update(policy_epoch).values(epoch=held.epoch))
        return held


async def bring_up_to_date(backup: Database, url: str) -> None:
    """Migrate a copy of a backup that an earlier version made. Raises Refusal INVALID if it is none that we know."""
    try:
        fit = await standing(backup) not in {Standing.EMPTY, Standing.AHEAD}
    except DatabaseFault:
        fit = False
    if not fit:
        raise Refusal(Reason.INVALID, value="The file is no backup, or was made by a later version of this program")
    await migrate(url)


async def restore(
    database: Database, backup: Database, *, highest: int, now: int, actor: Actor, reason: str, fresh: bool = False
) -> Restored:
    """Make the registry what `backup` holds, in one transaction.

    `highest` is the highest policy epoch known from elsewhere. `fresh` is for a database that holds nothing but what
    setting it up has made: the backup's history takes the place of that. Raises Refusal CONFLICT for the backup of
    another authority.
    """
    async with backup.read() as source, _alone(database) as target:
        before = await held_by(target)
        if fresh:
            await target.execute(delete(registry_changes))
        elif not await _same_history(source, target):
            raise Refusal(
                Reason.CONFLICT, value="The backup is of another authority; restore it into a database of its own"
            )
        for table in reversed(REPLACED):
            await target.execute(delete(table))
        for table in REPLACED:
            async for batch in _batches(source, table):
                await target.execute(insert(table), batch)
        for table in GROWING:
            async for batch in _batches(source, table):
                await target.execute(_insert_new(table, database.dialect), batch)
        if database.dialect == "postgresql":
            await target.execute(text(_RENUMBER))
        after = Held(await read_epoch(source), (await held_by(target)).records)
        epoch, until = await _move_on(target, max(highest, before.epoch, after.epoch), after.epoch, now, actor, reason)
        return Restored(epoch, until, before, after)


async def declare_restored(database: Database, *, highest: int, now: int, actor: Actor, reason: str) -> Restored:
    """Make safe a database that was restored by other means; `before` and `after` are alike."""
    async with _alone(database) as connection:
        held = await held_by(connection)
        epoch, until = await _move_on(connection, max(highest, held.epoch), held.epoch, now, actor, reason)
        return Restored(epoch, until, held, held)


async def held_by(connection: AsyncConnection) -> Held:
    """Read the whole registry."""
    records: list[Record] = [rows.organisation(row) for row in await mappings(connection, select(organisations))]
    records += [rows.prefix(row) for row in await mappings(connection, select(prefixes))]
    records += [rows.scope(row) for row in await mappings(connection, select(scopes))]
    records += [rows.access(row) for row in await mappings(connection, select(scope_access))]
    records += [rows.access_request(row) for row in await mappings(connection, select(access_requests))]
    records += [rows.prefix_request(row) for row in await mappings(connection, select(prefix_requests))]
    records += [rows.webhook(row) for row in await mappings(connection, select(webhooks))]
    records += [rows.package(row) for row in await mappings(connection, select(packages))]
    records += [rows.delegation_source(row) for row in await mappings(connection, select(delegation_sources))]
    records += await read_clients(connection)
    records += await read_delegations(connection)
    return Held(await read_epoch(connection), records)


# Rows that brought their numbers along have not moved the counter.
_RENUMBER: Final = """
SELECT setval(pg_get_serial_sequence('registry_changes', 'seq'), (SELECT max(seq) FROM registry_changes))
"""


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[AsyncConnection]:
    """Write while nobody else changes the registry."""
    async with database.write() as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(select(policy_epoch.c.epoch).with_for_update())
        yield connection


async def _move_on(
    connection: AsyncConnection, highest: int, restored: int, now: int, actor: Actor, reason: str
) -> tuple[int, int]:
    """Make an epoch that no node has seen, which drops every snapshot, and pause until no old assertion is valid."""
    # The clock runs faster than the registry changes, so it is ahead even of epochs that nobody is left to tell of.
    epoch, until = max(highest + 1, now), now + LONGEST_ASSERTION_MEMORY
    await connection.execute(update(policy_epoch).values(epoch=epoch, paused_until=until))
    told = {"epoch_restored": restored, "paused_until": until}
    row = {
        "epoch": epoch,
        "kind": WHOLE,
        "id": "",
        "other": "",
        "action": "restored",
        "actor_kind": actor.kind,
        "actor_orgno": actor.orgno,
        "actor_client_id": actor.client_id,
        "actor_person": actor.person,
        "at": now,
        "reason": reason,
        "before": None,
        "after": json.dumps(told, separators=(",", ":")),
    }
    await connection.execute(insert(registry_changes).values(row))
    return epoch, until


async def _same_history(source: AsyncConnection, target: AsyncConnection) -> bool:
    """Tell whether the change logs begin alike: by the last row that both should have."""
    log = registry_changes.c
    lasts = [(await one.execute(select(func.max(log.seq)))).scalar_one() for one in (source, target)]
    if None in lasts:
        return True
    common = select(registry_changes).where(log.seq == min(lasts))
    first, second = [(await one.execute(common)).one_or_none() for one in (source, target)]
    return first is not None and first == second


async def _batches(connection: AsyncConnection, table: Table) -> AsyncIterator[list[dict[str, Any]]]:
    async with connection.stream(select(table).order_by(*table.primary_key.columns)) as result:
        async for batch in result.mappings().partitions(_ROWS):
            yield [dict(row) for row in batch]


def _insert_new(table: Table, dialect: Dialect) -> Any:
    kind = postgresql if dialect == "postgresql" else sqlite
    return kind.insert(table).on_conflict_do_nothing()
