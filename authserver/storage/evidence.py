"""What delegations are proved with, at rest: consents, and the statuses that a list is made from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import FromClause, Row, Select, func, select

from authserver.oauth import status_list
from authserver.oauth.consent import Consent
from authserver.storage import rows
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import read_epoch
from authserver.storage.schema import delegation_consents, delegations

PART: Final = "registry"
_HOPS: Final = 3


class SqlEvidence:
    """Fills the ports Consents and Statuses. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def consent(self, delegation_id: str) -> Consent | None:
        """The consent that was kept for a delegation."""
        query = select(delegation_consents).where(delegation_consents.c.delegation_id == delegation_id)
        with answering(PART):
            async with self._database.read() as connection:
                row = (await connection.execute(query)).first()
        return None if row is None else rows.consent(row)

    async def statuses(self, number: int) -> tuple[int, Mapping[int, int]] | None:
        """The policy epoch, and the index and status of every delegation of a list that is not valid at it.

        None if there is no such list: the first there always is, any other from its first delegation on.
        """
        first = number * status_list.ENTRIES
        with answering(PART):
            async with self._database.read() as connection:
                epoch = await read_epoch(connection)
                highest = (await connection.execute(select(func.max(delegations.c.status_index)))).scalar_one()
                if number and (highest is None or highest < first):
                    return None
                found = (await connection.execute(_out_of_force(first))).all()
        listed = {row.status_index - first: _status(row) for row in found}
        return epoch, {index: status for index, status in listed.items() if status != status_list.VALID}


def _out_of_force(first: int) -> Select[tuple[Any, ...]]:
    """The delegations of one list whose column `status` is not `active`, each with all that it hangs on.

    What was handed on never is active in that column, so the others need not be looked at.
    """
    hops = [delegations, *(delegations.alias() for _ in range(_HOPS))]
    joined: FromClause = delegations
    for below, above in pairwise(hops):
        joined = joined.outerjoin(above, above.c.id == below.c.parent_id)
    its = delegations.c
    chain = [func.coalesce(hop.c.stage, hop.c.status).label(f"status_{depth}") for depth, hop in enumerate(hops)]
    return (
        select(its.status_index, its.depth, *chain)
        .select_from(joined)
        .where(its.status != "active", its.status_index >= first, its.status_index < first + status_list.ENTRIES)
    )


def _status(row: Row[Any]) -> int:
    """Return the status of a delegation, which is no better than that of anything it hangs on."""
    return status_list.of_chain([getattr(row, f"status_{depth}") for depth in range(row.depth + 1)])
