"""Whom a delegation concerns, as queries, and its place in the status lists."""

from __future__ import annotations

from secrets import randbelow
from typing import Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.storage.schema import delegation_scopes, delegations, scopes

INDEXES_PER_LIST: Final = 2**20
_MOST_HOPS: Final = 3
_TRIES: Final = 8

parties: Final = (delegations.c.consumer_orgno, delegations.c.supplier_orgno, delegations.c.delegator_orgno)


def concerned_by(delegation_id: str) -> CompoundSelect[tuple[str]]:
    """The parties of a delegation, whoever handed it on so far, and the owners of its scopes; one statement always."""
    its = delegations.c.id == delegation_id
    owners = (
        select(scopes.c.owner_orgno)
        .join(delegation_scopes, delegation_scopes.c.scope == scopes.c.name)
        .where(delegation_scopes.c.delegation_id == delegation_id)
    )
    found: list[Select[tuple[str]]] = [select(orgno).where(its, orgno.is_not(None)) for orgno in parties]
    above = select(delegations.c.parent_id).where(its)
    for _ in range(_MOST_HOPS):
        handed_on = delegations.alias()
        hop = handed_on.c.id.in_(above)
        found.append(select(handed_on.c.supplier_orgno).where(hop))
        above = select(handed_on.c.parent_id).where(hop)
    return union(*found, owners)


def names_scope_of(owner_orgno: str) -> ColumnElement[bool]:
    """Tell whether a delegation names a scope of this owner."""
    return exists().where(
        delegation_scopes.c.delegation_id == delegations.c.id,
        delegation_scopes.c.scope == scopes.c.name,
        scopes.c.owner_orgno == owner_orgno,
    )


async def free_status_indexes(connection: AsyncConnection, count: int) -> list[int]:
    """Draw indexes that no delegation has, of those that the lists in use have; one list more when these fill up.

    An index drawn at random tells nobody how many delegations there are, nor which were given together.
    """
    used = delegations.c.status_index
    highest = (await connection.execute(select(func.max(used)))).scalar_one()
    lists = 1 if highest is None else highest // INDEXES_PER_LIST + 1
    found: set[int] = set()
    while True:
        for _ in range(_TRIES):
            drawn = {randbelow(lists * INDEXES_PER_LIST) for _ in range(count - len(found))}
            taken = (await connection.execute(select(used).where(used.in_(drawn)))).scalars().all()
            found |= drawn.difference(taken)
            if len(found) == count:
                return list(found)
        lists += 1
