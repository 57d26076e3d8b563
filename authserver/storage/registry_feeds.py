"""What is told in order of time: the change log, what of it was not taken, and keys that will soon stop."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, select, true, tuple_, union_all

from authserver.oauth.feeds import DeadLetter, ExpiringKey, LoggedChange
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import mappings
from authserver.storage.registry_pages import PART, Window, equal
from authserver.storage.schema import (
    access_requests,
    client_keys,
    clients,
    packages,
    prefix_requests,
    prefixes,
    registry_changes,
    scopes,
    webhook_dead_letters,
    webhooks,
)

_START: Final = 0


class RegistryFeeds:
    """Fills the rest of the port Pages. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expiring_keys(self, window: Window, since: int, until: int, orgno: str | None) -> Sequence[ExpiringKey]:
        key = client_keys.c
        order = (key.expires_at, key.client_id, key.kid)
        query = (
            select(*order, clients.c.orgno)
            .join(clients, clients.c.client_id == key.client_id)
            .where(key.expires_at > since, key.expires_at <= until, key.active, clients.c.active)
            .where(*equal((clients.c.orgno, orgno)))
            .order_by(*order)
            .limit(window.limit)
        )
        if window.after:
            expires_at, client_id, kid = window.after
            query = query.where(tuple_(*order) > tuple_(int(expires_at), client_id, kid))
        with answering(PART):
            async with self._database.read() as connection:
                return [ExpiringKey(**row) for row in await mappings(connection, query)]

    async def changes(
        self, window: Window, orgno: str | None = None, kinds: Collection[str] | None = None
    ) -> Sequence[LoggedChange]:
        log = registry_changes.c
        after = int(window.after[0]) if window.after else _START
        newer = log.seq > after
        wanted = true() if orgno is None else log.seq.in_(_concerning(orgno, newer))
        query = select(registry_changes).where(newer, wanted).order_by(log.seq).limit(window.limit)
        if kinds is not None:
            query = query.where(log.kind.in_(kinds))
        with answering(PART):
            async with self._database.read() as connection:
                return [LoggedChange(**row) for row in await mappings(connection, query)]

    async def dead_letters(self, webhook_id: str, window: Window) -> Sequence[DeadLetter]:
        dead = webhook_dead_letters.c
        after = int(window.after[0]) if window.after else _START
        query = select(dead.seq, dead.at, dead.fault).where(dead.webhook_id == webhook_id, dead.seq > after)
        with answering(PART):
            async with self._database.read() as connection:
                found = await mappings(connection, query.order_by(dead.seq).limit(window.limit))
                return [DeadLetter(**row) for row in found]


def _concerning(orgno: str, newer: ColumnElement[bool]) -> Select[tuple[int]]:
    """Number the changes that concern an organisation; whose a record is never changes, so the log need not say it.

    One query for each way to be concerned: the database reads each by an index of its own, or by the newest rows.
    """
    log = registry_changes.c
    owned = select(scopes.c.name).where(scopes.c.owner_orgno == orgno)
    asked = access_requests.c
    ways = (
        and_(log.kind == "organisation", log.id == orgno),
        and_(log.kind == "prefix", log.id.in_(select(prefixes.c.prefix).where(prefixes.c.owner_orgno == orgno))),
        and_(log.kind == "scope", log.id.in_(owned)),
        and_(log.kind == "access", log.id.in_(owned)),
        and_(log.kind == "access", log.other == orgno),
        and_(log.kind == "client", log.id.in_(select(clients.c.client_id).where(clients.c.orgno == orgno))),
        and_(log.kind == "delegations", log.id == orgno),
        and_(log.kind == "delegations", log.other == orgno),
        and_(log.kind == "access_request", log.id.in_(select(asked.id).where(asked.consumer_orgno == orgno))),
        and_(log.kind == "access_request", log.id.in_(select(asked.id).where(asked.scope.in_(owned)))),
        and_(
            log.kind == "prefix_request",
            log.id.in_(select(prefix_requests.c.id).where(prefix_requests.c.orgno == orgno)),
        ),
        and_(log.kind == "package", log.id.in_(select(packages.c.name).where(packages.c.owner_orgno == orgno))),
        and_(log.kind == "webhook", log.id.in_(select(webhooks.c.id).where(webhooks.c.orgno == orgno))),
    )
    found = union_all(*(select(log.seq).where(newer, way) for way in ways)).subquery()
    return select(found.c.seq)
