"""The record of decisions: committed, then answered (P2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final, Literal, Protocol

import asyncpg
from sqlalchemy import ColumnElement, RowMapping, insert, or_, select
from sqlalchemy import func as sql
from sqlalchemy.exc import DataError, IntegrityError

from authserver.oauth.decision import Decision
from authserver.oauth.unavailable import Unavailable
from authserver.storage.batching import Batcher
from authserver.storage.database import Database
from authserver.storage.errors import DatabaseFault, answering
from authserver.storage.postgres import DedicatedConnection
from authserver.storage.rows import canonical_json
from authserver.storage.schema import decisions

PART: Final = "record"
COLUMNS: Final = tuple(field.name for field in fields(Decision))

Row = tuple[Any, ...]

# What a database says of a row rather than of itself.
_ROW_FAULTS: Final = (IntegrityError, DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class SqlDecisions:
    """Fills the port Decisions, and reads back what was recorded. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: _Writer = (
            _PostgresWriter(database) if database.dialect == "postgresql" else _SqliteWriter(database)
        )
        self._batcher: Batcher[Row, None] = Batcher(self._flush, PART)

    async def commit(self, decision: Decision) -> None:
        await self._batcher.submit(_row(decision))

    async def by_trace_id(self, trace_id: str) -> Decision | None:
        """The decision of this trace, None if there is none."""
        with answering(PART):
            async with self._database.read() as connection:
                found = await connection.execute(select(decisions).where(decisions.c.trace_id == trace_id))
                row = found.mappings().one_or_none()
        return _decision(row) if row is not None else None

    async def recent(
        self, *, party: str | None = None, client_id: str | None = None, limit: int = 100
    ) -> list[Decision]:
        """The newest decisions first: all, those an organisation took part in, or those of a client."""
        table, where = decisions.c, list[ColumnElement[bool]]()
        if party is not None:
            where.append(or_(table.client_orgno == party, table.consumer_orgno == party, table.supplier_orgno == party))
        if client_id is not None:
            where.append(table.client_id == client_id)
        query = select(decisions).where(*where).order_by(table.at.desc(), table.trace_id).limit(limit)
        with answering(PART):
            async with self._database.read() as connection:
                return [_decision(row) for row in (await connection.execute(query)).mappings()]

    async def count(self, outcome: Literal["issued", "refused"] | None = None) -> int:
        """How many decisions are recorded, of one outcome or of both."""
        query = select(sql.count()).select_from(decisions)
        if outcome is not None:
            query = query.where(decisions.c.outcome == outcome)
        with answering(PART):
            async with self._database.read() as connection:
                return int((await connection.execute(query)).scalar_one())

    async def close(self) -> None:
        """Commit everything that was submitted, then let go."""
        await self._batcher.close()
        await self._writer.close()

    async def _flush(self, batch: Sequence[Row]) -> Sequence[Unavailable | None]:
        try:
            await self._writer.write(batch)
        except Unavailable as error:
            if len(batch) == 1 or not isinstance(error.__cause__, _ROW_FAULTS):
                raise
            # One row that the database will not take must not keep the others off the record.
            return [await self._alone(row) for row in batch]
        return [None] * len(batch)

    async def _alone(self, row: Row) -> Unavailable | None:
        try:
            await self._writer.write([row])
        except Unavailable as error:
            return error
        return None


class _Writer(Protocol):
    async def write(self, batch: Sequence[Row]) -> None:
        """Return once the rows are on disk. Raises Unavailable, certain until the commit was asked for."""

    async def close(self) -> None:
        """Let go of what is held."""


class _PostgresWriter:
    def __init__(self, database: Database) -> None:
        # Said for this connection, whatever the server's or the role's default is.
        self._held = DedicatedConnection(database.dsn, {"synchronous_commit": "on"})

    async def write(self, batch: Sequence[Row]) -> None:
        committing = False
        try:
            async with self._held.use() as connection:
                await connection.execute("BEGIN")
                await connection.copy_records_to_table(decisions.name, records=batch, columns=COLUMNS)
                committing = True
                outcome = await connection.execute("COMMIT")
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not committing) from error
        if outcome != "COMMIT":
            raise Unavailable(PART)

    async def close(self) -> None:
        await self._held.close()


class _SqliteWriter:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = str(insert(decisions).compile(dialect=database.engine.dialect))

    async def write(self, batch: Sequence[Row]) -> None:
        committing = False
        try:
            async with self._database.write() as connection:
                await connection.exec_driver_sql(self._insert, list(batch))
                committing = True
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not committing) from error

    async def close(self) -> None:
        """The database is closed by whoever opened it."""


def _row(decision: Decision) -> Row:
    """The values of `COLUMNS`, made so that every database takes them."""
    return tuple(_storable(getattr(decision, name)) for name in COLUMNS)


def _storable(value: str | int | tuple[str, ...]) -> str | int:
    if isinstance(value, int):
        return value
    content = value if isinstance(value, str) else canonical_json(list(value))
    # PostgreSQL stores neither NUL nor what UTF-8 cannot say.
    return content.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _decision(row: RowMapping) -> Decision:
    lists = {name: tuple(json.loads(row[name])) for name in ("scopes", "audience")}
    return Decision(**{**row, **lists})
