"""Writing batches of decisions: one transaction each, durable when it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import orjson
from sqlalchemy import BigInteger, insert
from sqlalchemy.exc import DataError, IntegrityError

from authserver.oauth.decision import Decision
from authserver.oauth.unavailable import Unavailable
from authserver.storage.database import Database
from authserver.storage.errors import DatabaseFault
from authserver.storage.postgres import DedicatedConnection
from authserver.storage.rows import canonical_json
from authserver.storage.schema import decisions
from authserver.storage.single_use_sql import Key, key_of, spend_on_sqlite

PART: Final = "record"
COLUMNS: Final = tuple(field.name for field in fields(Decision) if field.name != "remember_until")
# What a database says of a row rather than of itself.
ROW_FAULTS: Final = (IntegrityError, DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)

Row = tuple[Any, ...]

_SPENDING_KINDS: Final = {"issuer": "text", "spent_id": "text", "remember_until": "bigint"}
_MEMBERS: Final = (*COLUMNS, *_SPENDING_KINDS)

_values = attrgetter(*COLUMNS)
_texts = itemgetter(
    *(place for place, name in enumerate(COLUMNS) if not isinstance(decisions.c[name].type, BigInteger))
)
_SCOPES: Final = COLUMNS.index("scopes")
_AUDIENCE: Final = COLUMNS.index("audience")


def _record_statement() -> str:
    """Record rows, each with the assertion it spends or without, unless another row spent it; return who was left out.

    One text for the whole batch: json_to_recordset costs PostgreSQL no more than arrays do, and this process half.
    Spends are sorted, so that two nodes with overlapping batches wait for each other in one direction only.
    """
    kinds = {name: "bigint" if isinstance(decisions.c[name].type, BigInteger) else "text" for name in COLUMNS}
    typed = ", ".join(f"{name} {kind}" for name, kind in (kinds | _SPENDING_KINDS).items())
    names = ", ".join(COLUMNS)
    return f"""
WITH asked AS (
    SELECT * FROM json_to_recordset($1::json) AS asked ({typed})
), spent AS (
    INSERT INTO spent_assertions (issuer, assertion_id, remember_until)
    SELECT issuer, spent_id, remember_until FROM asked WHERE spent_id IS NOT NULL ORDER BY 1, 2
    ON CONFLICT DO NOTHING
    RETURNING issuer, assertion_id
), written AS (
    INSERT INTO decisions ({names})
    SELECT {names} FROM asked WHERE spent_id IS NULL OR (issuer, spent_id) IN (SELECT * FROM spent)
)
SELECT trace_id FROM asked WHERE spent_id IS NOT NULL AND (issuer, spent_id) NOT IN (SELECT * FROM spent)
"""  # noqa: S608 - our own names, and no values


_RECORD: Final = _record_statement()


class Entry(NamedTuple):
    """One decision as a row, and, when it is a token, the assertion it used up and until when that is remembered."""

    row: Row
    spending: tuple[Key, int] | None


class Writer(Protocol):
    """Writes a batch in one transaction."""

    async def write(self, batch: Sequence[Entry]) -> list[bool]:
        """Return once the rows are on disk; False for each token left out, its assertion having had one before.

        Raises Unavailable, certain when the batch never left, or the database said that it refused it.
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
    values = list(_values(decision))
    for place in (_SCOPES, _AUDIENCE):
        values[place] = _as_json(values[place])
    content = "".join(_texts(values))
    # One look at all of them together; hardly ever is there anything to replace.
    if not (content.isascii() and content.isprintable()):
        values = [_storable(value) for value in values]
    return tuple(values)


def spending_of(decision: Decision) -> tuple[Key, int] | None:
    """What a token used up, by the key that the memory of assertions knows it by."""
    spends = decision.spends
    return None if spends is None else (key_of(spends), spends.remember_until)


class _PostgresWriter:
    """One statement a batch, which commits by itself: one round trip, and no moment between writing and committing."""

    def __init__(self, database: Database, *, last_word: bool) -> None:
        # Said for this connection, whatever the server's or the role's default is.
        self._held = DedicatedConnection(database.dsn, {"synchronous_commit": "on"})
        self._last_word = last_word

    async def write(self, batch: Sequence[Entry]) -> list[bool]:
        asked = False
        try:
            async with self._held.use() as connection:
                asked = True
                return await self._record(connection, batch)
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not asked or _undone(error)) from error

    async def close(self) -> None:
        await self._held.close()

    async def _record(self, connection: asyncpg.Connection[Any], batch: Sequence[Entry]) -> list[bool]:
        """Of equal assertions in one batch the first alone is asked for; a refusal spends nothing."""
        rows: list[dict[str, Any]] = []
        first: list[bool] = []
        asked: set[Key] = set()
        for row, spending in batch:
            if spending is None or not self._last_word:
                first.append(True)
                rows.append(dict(zip(COLUMNS, row, strict=True)))
                continue
            key, until = spending
            first.append(key not in asked)
            if first[-1]:
                asked.add(key)
                rows.append(dict(zip(_MEMBERS, (*row, *key, until), strict=True)))
        left_out = await connection.fetch(_RECORD, orjson.dumps(rows).decode())
        known = {trace_id for (trace_id,) in left_out}
        return [new and entry.row[0] not in known for entry, new in zip(batch, first, strict=True)]


def _undone(error: BaseException) -> bool:
    """Tell whether the server refused the statement, which then has done nothing.

    FATAL and PANIC end the session, and do not say whether it had committed by then.
    """
    return isinstance(error, asyncpg.PostgresError) and getattr(error, "severity_en", None) == "ERROR"


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


def _storable(value: str | int) -> str | int:
    if isinstance(value, int):
        return value
    # PostgreSQL stores neither NUL nor what UTF-8 cannot say.
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


# The same few scopes and audiences come with every request of a client.
@lru_cache(maxsize=4096)
def _as_json(value: tuple[str, ...]) -> str:
    return canonical_json(list(value))
