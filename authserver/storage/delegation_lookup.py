"""Delegations by scope, for the look-up by other authorities."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from authserver.oauth.models import Delegation
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import read_delegations
from authserver.storage.schema import delegation_scopes, delegations

PART = "registry"


class SqlDelegationLookup:
    """Fills the port Held."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_scope(
        self, scope: str, now: int, most: int, *, consumer_orgno: str | None, supplier_orgno: str | None
    ) -> Sequence[Delegation]:
        """First delegations that are active at `now` and name the scope, by id. Raises Unavailable."""
        table = delegations.c
        parties = (table.consumer_orgno, consumer_orgno), (table.supplier_orgno, supplier_orgno)
        where = [column == orgno for column, orgno in parties if orgno is not None]
        where += [table.status == "active", table.valid_from <= now, table.valid_to > now, table.depth == 0]
        # Not in the order of anything: so no more rows are read than are asked for.
        chosen = (
            select(table.id)
            .join(delegation_scopes, delegation_scopes.c.delegation_id == table.id)
            .where(delegation_scopes.c.scope == scope, *where)
            .limit(most)
        )
        with answering(PART):
            async with self._database.read() as connection:
                ids = (await connection.execute(chosen)).scalars().all()
                return await read_delegations(connection, table.id.in_(ids)) if ids else []
