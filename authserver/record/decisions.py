"""The record of decisions: committed, then answered (P2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, RowMapping, or_, select
from sqlalchemy import func as sql

from authserver.oauth.decision import Decision
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unavailable
from authserver.record.writing import PART, ROW_FAULTS, Entry, row, spending_of, writer
from authserver.storage.batching import Batcher
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.schema import decisions


class SqlDecisions:
    """Fills the port Decisions, and reads back what was recorded. Every method raises Unavailable.

    With `last_word`, a token is recorded only together with the spending of its assertion, in one transaction. That is
    for a memory of assertions outside this database, which may forget: whatever it forgets, no assertion ever has two
    tokens on record.
    """

    def __init__(self, database: Database, *, last_word: bool = False) -> None:
        self._database = database
        self._writer = writer(database, last_word=last_word)
        self._batcher: Batcher[Entry, bool] = Batcher(self._flush, PART)

    async def commit(self, decision: Decision) -> None:
        if not await self._batcher.submit(Entry(row(decision), spending_of(decision))):
            raise Refusal(Reason.REPLAYED, detail="known to the record")

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

    async def _flush(self, batch: Sequence[Entry]) -> Sequence[bool | Unavailable]:
        try:
            return await self._writer.write(batch)
        except Unavailable as error:
            if len(batch) == 1 or not isinstance(error.__cause__, ROW_FAULTS):
                raise
        # One row that the database will not take must not keep the others off the record.
        return [await self._alone(entry) for entry in batch]

    async def _alone(self, entry: Entry) -> bool | Unavailable:
        try:
            (first,) = await self._writer.write([entry])
        except Unavailable as error:
            return error
        return first


def _decision(row: RowMapping) -> Decision:
    lists = {name: tuple(json.loads(row[name])) for name in ("scopes", "audience")}
    return Decision(**{**row, **lists})
