"""Single use and the policy epoch in one round trip to the registry's own database (P1, P3)."""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import asyncpg
from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.oauth.single_use import Spending, Spent
from authserver.storage.batching import Batcher
from authserver.storage.database import Database
from authserver.storage.errors import DatabaseFault, answering
from authserver.storage.postgres import DedicatedConnection
from authserver.storage.reading import read_epoch
from authserver.storage.schema import spent_assertions

log = logging.getLogger(__name__)

PART: Final = "single use"
MOST_PURGED: Final = 5_000
# What is over is kept this much longer. A node whose clock is ahead must not clear away what others still have to
# remember, and one whose clock is behind must not take again what others have cleared away.
CLOCK_SECONDS: Final = 3_900

Key = tuple[str, str]

# Sorted, so that two nodes with overlapping batches wait for each other in one direction only. The epoch is read by
# this same statement, which begins after every request of its batch.
_SPEND_POSTGRESQL: Final = """
WITH spent AS (
    INSERT INTO spent_assertions (issuer, assertion_id, remember_until)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked ORDER BY 1, 2
    ON CONFLICT DO NOTHING
    RETURNING issuer, assertion_id
)
SELECT epoch, ARRAY(SELECT issuer FROM spent), ARRAY(SELECT assertion_id FROM spent) FROM policy_epoch
"""

_SPEND_SQLITE: Final = text("""
INSERT INTO spent_assertions (issuer, assertion_id, remember_until)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:asked)
WHERE true
ON CONFLICT DO NOTHING
RETURNING issuer, assertion_id
""")


def key_of(spending: Spending) -> Key:
    """What is remembered of an assertion: its issuer, and a digest of its id, for an id may be any text at all."""
    digest = sha256(spending.assertion_id.encode("utf-8", "surrogatepass")).digest()
    return spending.issuer, urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def first_uses(asked: Iterable[Key], inserted: set[Key], epoch: int) -> list[Spent]:
    """One answer for each key asked, in order; of equal keys in one batch the first alone is a first use."""
    answers = []
    for key in asked:
        answers.append(Spent(key in inserted, epoch))
        inserted.discard(key)
    return answers


async def spend_on_postgresql(
    connection: asyncpg.Connection[Any], batch: Sequence[tuple[Key, int]]
) -> tuple[int, set[Key]]:
    """Remember what is new, each until its time, in one statement; return the policy epoch and the new keys."""
    issuers = [issuer for (issuer, _), _ in batch]
    ids = [assertion_id for (_, assertion_id), _ in batch]
    row = await connection.fetchrow(_SPEND_POSTGRESQL, issuers, ids, [until for _, until in batch])
    assert row is not None  # noqa: S101 - the table of the epoch has one row, always
    return row[0], set(zip(row[1], row[2], strict=True))


async def spend_on_sqlite(connection: AsyncConnection, batch: Sequence[tuple[Key, int]]) -> set[Key]:
    """Remember what is new, each until its time; return the new keys."""
    asked = json.dumps([(*key, until) for key, until in batch])
    return {(row.issuer, row.assertion_id) for row in await connection.execute(_SPEND_SQLITE, {"asked": asked})}


class _Memory(Protocol):
    async def spend(self, batch: Sequence[tuple[Key, int]]) -> tuple[int, set[Key]]:
        """Remember what is new; return the policy epoch and the keys that were new."""

    async def close(self) -> None:
        """Let go of what is held."""


class SqlSingleUse:
    """Fills the port SingleUse.

    The spend is committed without waiting for the disk. A token leaves only after its decision was committed with
    waiting, later in the same log: whatever carried the decision to the disk carried the spend before it. A spend
    that a crash forgets has bought nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory: _Memory = (
            _PostgresMemory(database) if database.dialect == "postgresql" else _SqliteMemory(database)
        )
        self._batcher: Batcher[Spending, Spent] = Batcher(self._flush, PART)

    async def spend(self, spending: Spending, now: int) -> Spent:  # noqa: ARG002 - rows carry an absolute time
        return await self._batcher.submit(spending)

    async def release(self, spending: Spending) -> None:
        issuer, assertion_id = key_of(spending)
        table = spent_assertions.c
        gone = delete(spent_assertions).where(table.issuer == issuer, table.assertion_id == assertion_id)
        try:
            async with self._database.write(durable=False) as connection:
                await connection.execute(gone)
        except DatabaseFault as error:
            log.warning("An assertion stays spent, for it could not be given back: %s", error)

    async def purge(self, now: int) -> int:
        """Forget assertions that no one need remember at `now`, even if clocks differ by `CLOCK_SECONDS`.

        Some thousands in each transaction, until none is left; returns how many. For the background: never on the way
        to a token. Raises Unavailable.
        """
        forgotten = 0
        while True:
            count = await self._purge_some(now - CLOCK_SECONDS)
            forgotten += count
            if count < MOST_PURGED:
                return forgotten

    async def close(self) -> None:
        """Answer everyone who waits, then let go."""
        await self._batcher.close()
        await self._memory.close()

    async def _purge_some(self, before: int) -> int:
        table = spent_assertions.c
        expired = select(table.issuer, table.assertion_id).where(table.remember_until < before).limit(MOST_PURGED)
        gone = delete(spent_assertions).where(tuple_(table.issuer, table.assertion_id).in_(expired))
        with answering(PART):
            async with self._database.write(durable=False) as connection:
                return (await connection.execute(gone)).rowcount

    async def _flush(self, batch: Sequence[Spending]) -> Sequence[Spent]:
        keys = [key_of(spending) for spending in batch]
        with answering(PART, certain=False):
            epoch, inserted = await self._memory.spend(
                [(key, spending.remember_until) for key, spending in zip(keys, batch, strict=True)]
            )
        return first_uses(keys, inserted, epoch)


class _PostgresMemory:
    def __init__(self, database: Database) -> None:
        self._held = DedicatedConnection(database.dsn, {"synchronous_commit": "off"})

    async def spend(self, batch: Sequence[tuple[Key, int]]) -> tuple[int, set[Key]]:
        async with self._held.use() as connection:
            return await spend_on_postgresql(connection, batch)

    async def close(self) -> None:
        await self._held.close()


class _SqliteMemory:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def spend(self, batch: Sequence[tuple[Key, int]]) -> tuple[int, set[Key]]:
        async with self._database.write(durable=False) as connection:
            inserted = await spend_on_sqlite(connection, batch)
            return await read_epoch(connection), inserted

    async def close(self) -> None:
        """The database is closed by whoever opened it."""
