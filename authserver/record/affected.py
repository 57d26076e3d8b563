"""Whom a change would concern: the clients that lately got tokens by what it changes, and how many."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from authserver.oauth.models import Client, Delegation, Organisation, Prefix, Record, Scope, ScopeAccess
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.rows import canonical_json
from authserver.storage.schema import decisions

PART = "record"
MOST_CLIENTS = 1_000


class SqlAffected:
    """Fills the port Affected."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by(self, records: Collection[Record], since: int) -> Sequence[tuple[str, str, int]]:
        """Client, consumer and tokens issued since then (seconds) on the strength of these records, most first.

        At most a thousand. Raises Unavailable.
        """
        if not records:
            return ()
        table, tokens = decisions.c, func.count().label("tokens")
        concerned = or_(*map(_concerned, records))
        query = (
            select(table.client_id, table.consumer_orgno, tokens)
            .where(table.at >= since, table.outcome == "issued", concerned)
            .group_by(table.client_id, table.consumer_orgno)
            .order_by(tokens.desc(), table.client_id, table.consumer_orgno)
            .limit(MOST_CLIENTS)
        )
        with answering(PART):
            async with self._database.read() as connection:
                return [(row[0], row[1], int(row[2])) for row in (await connection.execute(query)).all()]


def _concerned(record: Record) -> ColumnElement[bool]:
    table = decisions.c
    match record:
        case Client():
            return table.client_id == record.client_id
        case Organisation():
            parties = (table.client_orgno, table.consumer_orgno, table.supplier_orgno)
            return or_(*(party == record.orgno for party in parties))
        case Scope():
            return _carries(record.name)
        case ScopeAccess():
            return and_(table.consumer_orgno == record.consumer_orgno, _carries(record.scope))
        case Prefix():
            return table.scopes.contains(f'"{record.prefix}:', autoescape=True)
        case Delegation():
            # A decision names every delegation it rests on, with a space between.
            return (" " + table.delegation_id + " ").contains(f" {record.id} ", autoescape=True)
        case _:
            return false()


def _carries(scope: str) -> ColumnElement[bool]:
    """Scopes are kept as a JSON array of strings, in which a scope's name has no character to be escaped."""
    return decisions.c.scopes.contains(canonical_json(scope), autoescape=True)
