"""Lists in pages, each by an index: what comes after a key, in the key's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Select, Table, or_, select, tuple_

from authserver.oauth.models import (
    AccessRequest,
    Client,
    Delegation,
    DelegationSource,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Scope,
    ScopeAccess,
    Webhook,
)
from authserver.storage import rows
from authserver.storage.database import Database
from authserver.storage.delegation_parties import names_scope_of, parties
from authserver.storage.errors import answering
from authserver.storage.reading import mappings, read_clients, read_delegations
from authserver.storage.schema import (
    access_requests,
    clients,
    delegation_sources,
    delegations,
    organisations,
    packages,
    prefix_requests,
    prefixes,
    scope_access,
    scopes,
    webhooks,
)

PART: Final = "registry"
Found = TypeVar("Found")


class Window(Protocol):
    """What of a list is wanted."""

    @property
    def after(self) -> tuple[str, ...]:
        """The key of the last item seen; empty for the start."""

    @property
    def limit(self) -> int:
        """How many items at most."""


class RegistryPages:
    """Fills the port Pages, all but the change log and the keys. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def organisation_page(self, window: Window) -> Sequence[Organisation]:
        return await self._page(organisations, window, rows.organisation)

    async def prefix_page(self, window: Window, owner_orgno: str | None = None) -> Sequence[Prefix]:
        return await self._page(prefixes, window, rows.prefix, *equal((prefixes.c.owner_orgno, owner_orgno)))

    async def scope_page(
        self, window: Window, owner_orgno: str | None = None, prefix: str | None = None
    ) -> Sequence[Scope]:
        where = equal((scopes.c.owner_orgno, owner_orgno), (scopes.c.prefix, prefix))
        return await self._page(scopes, window, rows.scope, *where)

    async def access_page(
        self,
        window: Window,
        scope: str | None = None,
        consumer_orgno: str | None = None,
        owner_orgno: str | None = None,
    ) -> Sequence[ScopeAccess]:
        where = equal((scope_access.c.scope, scope), (scope_access.c.consumer_orgno, consumer_orgno))
        if owner_orgno is not None:
            where.append(scope_access.c.scope.in_(_owned(owner_orgno)))
        return await self._page(scope_access, window, rows.access, *where)

    async def client_page(self, window: Window, orgno: str | None = None) -> Sequence[Client]:
        chosen = windowed(
            select(clients.c.client_id).where(*equal((clients.c.orgno, orgno))), window, clients.c.client_id
        )
        with answering(PART):
            async with self._database.read() as connection:
                ids = (await connection.execute(chosen)).scalars().all()
                return await read_clients(connection, clients.c.client_id.in_(ids)) if ids else []

    async def delegation_page(
        self,
        window: Window,
        consumer_orgno: str | None = None,
        supplier_orgno: str | None = None,
        party: str | None = None,
        owner_orgno: str | None = None,
    ) -> Sequence[Delegation]:
        table = delegations.c
        where = equal((table.consumer_orgno, consumer_orgno), (table.supplier_orgno, supplier_orgno))
        if party is not None:
            where.append(or_(*(orgno == party for orgno in parties)))
        if owner_orgno is not None:
            where.append(names_scope_of(owner_orgno))
        chosen = windowed(select(table.id).where(*where), window, table.id)
        with answering(PART):
            async with self._database.read() as connection:
                ids = (await connection.execute(chosen)).scalars().all()
                return await read_delegations(connection, table.id.in_(ids)) if ids else []

    async def access_request_page(
        self,
        window: Window,
        consumer_orgno: str | None = None,
        owner_orgno: str | None = None,
        scope: str | None = None,
        state: str | None = None,
    ) -> Sequence[AccessRequest]:
        table = access_requests.c
        where = equal((table.consumer_orgno, consumer_orgno), (table.scope, scope), (table.state, state))
        if owner_orgno is not None:
            where.append(table.scope.in_(_owned(owner_orgno)))
        return await self._page(access_requests, window, rows.access_request, *where)

    async def prefix_request_page(
        self, window: Window, orgno: str | None = None, state: str | None = None
    ) -> Sequence[PrefixRequest]:
        where = equal((prefix_requests.c.orgno, orgno), (prefix_requests.c.state, state))
        return await self._page(prefix_requests, window, rows.prefix_request, *where)

    async def webhook_page(self, window: Window, orgno: str | None = None) -> Sequence[Webhook]:
        return await self._page(webhooks, window, rows.webhook, *equal((webhooks.c.orgno, orgno)))

    async def package_page(self, window: Window, owner_orgno: str | None = None) -> Sequence[Package]:
        return await self._page(packages, window, rows.package, *equal((packages.c.owner_orgno, owner_orgno)))

    async def delegation_source_page(self, window: Window) -> Sequence[DelegationSource]:
        return await self._page(delegation_sources, window, rows.delegation_source)

    async def _page(
        self, table: Table, window: Window, read: Callable[[RowMapping], Found], *where: ColumnElement[bool]
    ) -> Sequence[Found]:
        query = windowed(select(table).where(*where), window, *table.primary_key.columns)
        with answering(PART):
            async with self._database.read() as connection:
                return [read(row) for row in await mappings(connection, query)]


def windowed(query: Select[Any], window: Window, *key: ColumnElement[Any]) -> Select[Any]:
    """Narrow a query to a window over a key, in the order of which it answers."""
    if window.after:
        query = query.where(tuple_(*key) > tuple_(*window.after) if len(key) > 1 else key[0] > window.after[0])
    return query.order_by(*key).limit(window.limit)


def equal(*wanted: tuple[ColumnElement[str], str | None]) -> list[ColumnElement[bool]]:
    """What must be equal; None leaves out nothing."""
    return [column == value for column, value in wanted if value is not None]


def _owned(orgno: str) -> Select[tuple[str]]:
    return select(scopes.c.name).where(scopes.c.owner_orgno == orgno)
