"""How many of a kind an organisation has, for its quotas."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.storage.schema import access_requests, clients, prefix_requests, scopes, webhooks

# Whose a row is, and what else makes it count.
_COUNTED: Final[Mapping[str, tuple[tuple[ColumnElement[str], ColumnElement[bool] | None], ...]]] = MappingProxyType(
    {
        "clients": ((clients.c.orgno, None),),
        "scopes": ((scopes.c.owner_orgno, None),),
        "waiting": (
            (access_requests.c.consumer_orgno, access_requests.c.state == "REQUESTED"),
            (prefix_requests.c.orgno, prefix_requests.c.state == "REQUESTED"),
        ),
        "webhooks": ((webhooks.c.orgno, webhooks.c.active),),
    }
)


async def count(connection: AsyncConnection, quota: str, orgno: str) -> int:
    """Count what an organisation has of a kind, as this transaction sees it. Raises KeyError for no such kind."""
    found = 0
    for owner, further in _COUNTED[quota]:
        query = select(func.count()).where(owner == orgno)
        if further is not None:
            query = query.where(further)
        found += int((await connection.execute(query)).scalar_one())
    return found
