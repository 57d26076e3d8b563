"""Writing batches of decisions: one transaction each, durable when it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
from sqlalchemy import insert
from sqlalchemy.exc import DataError, IntegrityError

from authserver.oauth.decision import Decision
from authserver.oauth.unavailable import Unavailable
from authserver.storage.database import Database
from authserver.storage.errors import DatabaseFault
from authserver.storage.postgres import DedicatedConnection
from authserver.storage.rows import canonical_json
from authserver.storage.schema import decisions
from authserver.storage.single_use_sql import Key, key_of, spend_on_postgresql, spend_on_sqlite

PART: Final = "record"
COLUMNS: Final = tuple(field.name for field in fields(Decision) if field.name != "remember_until")
# What a database says of a row rather than of itself.
ROW_FAULTS: Final = (IntegrityError, DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)

Row = tuple[Any, ...]


class Entry(NamedTuple):
    """One decision as a row, and, when it is a token, the assertion it used up and until when that is remembered."""

    row: Row
    spending: tuple[Key, int] | None


class Writer(Protocol):
    """Writes a batch in one transaction."""

    async def write(self, batch: Sequence[Entry]) -> list[bool]:
        """Return once the rows are on disk; False for each token left out, its assertion having had one before.

        Raises Unavailable, certain until the commit was asked for.
        """

    async def close(self) -> None:
        """Let go of what is held."""


def writer(database: Database, *, last_word: bool) -> Writer:
    """Make the writer for this database. With `last_word` it spends the assertions of tokens as it records them."""
    if database.dialect == "postgresql":
        return _PostgresWriter(database, last_word=last_word)
    return _SqliteWriter(database, last_word=last_word)


def row(decision: Decision) -> Row:
    """The values of `COLUMNS`, made so that every database takes them."""
    return tuple(_storable(getattr(decision, name)) for name in COLUMNS)


def spending_of(decision: Decision) -> tuple[Key, int] | None:
    """What a token used up, by the key that the memory of assertions knows it by."""
    spends = decision.spends
    return None if spends is None else (key_of(spends), spends.remember_until)


class _PostgresWriter:
    def __init__(self, database: Database, *, last_word: bool) -> None:
        # Said for this connection, whatever the server's or the role's default is.
        self._held = DedicatedConnection(database.dsn, {"synchronous_commit": "on"})
        self._last_word = last_word

    async def write(self, batch: Sequence[Entry]) -> list[bool]:
        committing = False
        try:
            async with self._held.use() as connection:
                await connection.execute("BEGIN")
                written = await self._spend(connection, batch) if self._last_word else [True] * len(batch)
                records = [entry.row for entry, first in zip(batch, written, strict=True) if first]
                await connection.copy_records_to_table(decisions.name, records=records, columns=COLUMNS)
                committing = True
                outcome = await connection.execute("COMMIT")
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not committing) from error
        if outcome != "COMMIT":
            raise Unavailable(PART)
        return written

    async def close(self) -> None:
        await self._held.close()

    async def _spend(self, connection: asyncpg.Connection[Any], batch: Sequence[Entry]) -> list[bool]:
        asked = _spendings(batch)
        _, inserted = await spend_on_postgresql(connection, asked) if asked else (0, set[Key]())
        return _firsts(batch, inserted)


class _SqliteWriter:
    def __init__(self, database: Database, *, last_word: bool) -> None:
        self._database = database
        self._last_word = last_word
        self._insert = str(insert(decisions).compile(dialect=database.engine.dialect))

    async def write(self, batch: Sequence[Entry]) -> list[bool]:
        committing = False
        written = [True] * len(batch)
        try:
            async with self._database.write() as connection:
                if self._last_word:
                    written = _firsts(batch, await spend_on_sqlite(connection, _spendings(batch)))
                rows = [entry.row for entry, first in zip(batch, written, strict=True) if first]
                if rows:
                    await connection.exec_driver_sql(self._insert, rows)
                committing = True
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not committing) from error
        return written

    async def close(self) -> None:
        """The database is closed by whoever opened it."""


def _spendings(batch: Sequence[Entry]) -> list[tuple[Key, int]]:
    return [entry.spending for entry in batch if entry.spending is not None]


def _firsts(batch: Sequence[Entry], inserted: set[Key]) -> list[bool]:
    """Refusals are always written; of equal assertions in one batch the first alone is a first use."""
    firsts = []
    for entry in batch:
        firsts.append(entry.spending is None or entry.spending[0] in inserted)
        if entry.spending is not None:
            inserted.discard(entry.spending[0])
    return firsts


def _storable(value: str | int | tuple[str, ...]) -> str | int:
    if isinstance(value, int):
        return value
    content = value if isinstance(value, str) else _as_json(value)
    if content.isprintable() and content.isascii():
        return content
    # PostgreSQL stores neither NUL nor what UTF-8 cannot say.
    return content.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


# The same few scopes and audiences come with every request of a client.
@lru_cache(maxsize=4096)
def _as_json(value: tuple[str, ...]) -> str:
    return canonical_json(list(value))
