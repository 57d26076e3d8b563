"""What delegations were used for, read from the decision records; nothing is written for it when tokens are issued."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import RowMapping, Select, func, select, union_all

from authserver.oauth.delegation_use import DAY, Issued, TokensOfDay
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import mappings
from authserver.storage.schema import decisions

PART: Final = "record"
MOST_RECORDS: Final = 50_000


class SqlDelegationUse:
    """Fills the port DelegationRecords. Every method raises Unavailable.

    Of each consumer the newest records are read by the index on consumer and time, so that a question costs the same
    however long the record has become.
    """

    def __init__(self, database: Database, most_records: int = MOST_RECORDS) -> None:
        self._database = database
        self._most = most_records

    async def issued(self, consumers: Collection[str], since: int, until: int) -> Issued:
        """Tokens issued by virtue of delegations of these consumers, 200 at most, from `since` until before `until`.

        At most 50,000 records are read, shared evenly among the consumers.
        """
        if not consumers:
            return Issued((), {})
        each = max(self._most // len(consumers), 1)
        newest = union_all(*(_newest(consumer, since, until, each) for consumer in sorted(consumers))).subquery()
        read = (newest.c.consumer_orgno, func.min(newest.c.at), func.count())
        with answering(PART):
            async with self._database.read() as connection:
                found = await mappings(connection, _grouped(newest.c))
                reach = await connection.execute(select(*read).group_by(newest.c.consumer_orgno))
                # Of the oldest second that was reached, some records may lie beyond the reach.
                partly = {consumer: int(oldest) + 1 for consumer, oldest, count in reach.all() if count >= each}
        return Issued(tuple(map(_tokens, found)), partly)


def _newest(consumer: str, since: int, until: int, most: int) -> Select[Any]:
    table = decisions.c
    members = (table.consumer_orgno, table.at, table.outcome, table.client_id, table.delegation_id, table.scopes)
    newest = (
        select(*members, table.audience, (table.at - table.at % DAY).label("day"))
        .where(table.consumer_orgno == consumer, table.at >= since, table.at < until)
        .order_by(table.at.desc())
        .limit(most)
        .subquery()
    )
    # A member of a union has no limit of its own in SQLite unless it stands inside a query.
    return select(newest)


def _grouped(newest: Any) -> Select[Any]:
    alike = (newest.consumer_orgno, newest.client_id, newest.delegation_id, newest.scopes, newest.audience, newest.day)
    counted = (
        func.min(newest.at).label("first_at"),
        func.max(newest.at).label("last_at"),
        func.count().label("tokens"),
    )
    return select(*alike, *counted).where(newest.outcome == "issued", newest.delegation_id != "").group_by(*alike)


def _tokens(row: RowMapping) -> TokensOfDay:
    return TokensOfDay(
        consumer_orgno=row["consumer_orgno"],
        client_id=row["client_id"],
        delegation_ids=frozenset(row["delegation_id"].split()),
        scopes=tuple(json.loads(row["scopes"])),
        audience=tuple(json.loads(row["audience"])),
        day=int(row["day"]),
        first_at=int(row["first_at"]),
        last_at=int(row["last_at"]),
        tokens=int(row["tokens"]),
    )
