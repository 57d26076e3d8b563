"""Queries that read whole records, many at a time, within a transaction of the caller's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, RowMapping, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.oauth.models import (
    Case,
    Client,
    ClientKey,
    Delegation,
    Delegations,
    DelegationSource,
    Fact,
    Organisation,
    Package,
    Prefix,
    Ref,
    RefKind,
    Scope,
)
from authserver.storage import rows
from authserver.storage.counting import count
from authserver.storage.delegation_parties import concerned_by
from authserver.storage.schema import (
    access_requests,
    client_keys,
    client_scopes,
    clients,
    delegation_scopes,
    delegation_sources,
    delegations,
    organisations,
    packages,
    policy_epoch,
    prefix_requests,
    prefixes,
    scope_access,
    scopes,
    webhooks,
)

_Simple = Organisation | Prefix | Scope | Package | DelegationSource | Case
_SIMPLE: tuple[tuple[RefKind, Column[str], Callable[[RowMapping], _Simple]], ...] = (
    ("organisation", organisations.c.orgno, rows.organisation),
    ("prefix", prefixes.c.prefix, rows.prefix),
    ("scope", scopes.c.name, rows.scope),
    ("access_request", access_requests.c.id, rows.access_request),
    ("prefix_request", prefix_requests.c.id, rows.prefix_request),
    ("webhook", webhooks.c.id, rows.webhook),
    ("package", packages.c.name, rows.package),
    ("delegation_source", delegation_sources.c.issuer, rows.delegation_source),
)


async def mappings(connection: AsyncConnection, query: Select[Any]) -> Sequence[RowMapping]:
    """Run a query and return its rows by column name."""
    found: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return found


async def read_epoch(connection: AsyncConnection) -> int:
    """The policy epoch as this transaction sees it."""
    return int((await connection.execute(select(policy_epoch.c.epoch))).scalar_one())


async def read_clients(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Client]:
    """Clients by id, with their scopes and keys; `where` speaks of the table `clients`.

    All is read in any case, lest the time it takes tell that there is a client.
    """
    found = await mappings(connection, select(clients).where(*where).order_by(clients.c.client_id))
    chosen = select(clients.c.client_id).where(*where)
    held: defaultdict[str, list[str]] = defaultdict(list)
    for row in await mappings(connection, select(client_scopes).where(client_scopes.c.client_id.in_(chosen))):
        held[row["client_id"]].append(row["scope"])
    keys: defaultdict[str, dict[str, ClientKey]] = defaultdict(dict)
    its_keys = select(client_keys).where(client_keys.c.client_id.in_(chosen)).order_by(client_keys.c.kid)
    for row in await mappings(connection, its_keys):
        keys[row["client_id"]][row["kid"]] = rows.client_key(row)
    return [rows.client(row, held[row["client_id"]], keys[row["client_id"]]) for row in found]


async def read_delegations(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Delegation]:
    """Delegations by id, with their scopes; `where` speaks of the table `delegations`."""
    found = await mappings(connection, select(delegations).where(*where).order_by(delegations.c.id))
    if not found:
        return []
    chosen = select(delegations.c.id).where(*where)
    held: defaultdict[str, list[str]] = defaultdict(list)
    query = select(delegation_scopes).where(delegation_scopes.c.delegation_id.in_(chosen))
    for row in await mappings(connection, query):
        held[row["delegation_id"]].append(row["scope"])
    return [rows.delegation(row, held[row["id"]]) for row in found]


class SqlReader:
    """Fills the port Reader within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, ref: Ref) -> Fact:
        return (await read_facts(self._connection, [ref]))[ref]

    async def facts(self, refs: Collection[Ref]) -> Mapping[Ref, Fact]:
        return await read_facts(self._connection, refs)

    async def count(self, quota: str, orgno: str) -> int:
        return await count(self._connection, quota, orgno)

    async def delegation(self, delegation_id: str) -> Delegation | None:
        found = await read_delegations(self._connection, delegations.c.id == delegation_id)
        return found[0] if found else None

    async def concerned(self, delegation_id: str) -> frozenset[str]:
        found = await self._connection.execute(concerned_by(delegation_id))
        return frozenset(str(orgno) for (orgno,) in found.all())


async def read_facts(connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Fact]:
    """Every named record in a few queries: None where there is none, and for `delegations` always a tuple."""
    asked: defaultdict[RefKind, set[Ref]] = defaultdict(set)
    for ref in refs:
        asked[ref.kind].add(ref)
    facts: dict[Ref, Fact] = {ref: () if ref.kind == "delegations" else None for ref in refs}
    for kind, key, read in _SIMPLE:
        ids = [ref.id for ref in asked[kind]]
        for row in await mappings(connection, select(key.table).where(key.in_(ids))) if ids else ():
            record = read(row)
            facts[record.ref] = record
    facts.update(await _accesses(connection, asked["access"]))
    if asked["client"]:
        for client in await read_clients(connection, clients.c.client_id.in_([ref.id for ref in asked["client"]])):
            facts[client.ref] = client
    facts.update(await _delegations(connection, asked["delegations"]))
    return facts


async def _accesses(connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Fact]:
    if not refs:
        return {}
    pairs = _among(scope_access, "scope", "consumer_orgno", refs)
    found = await mappings(connection, select(scope_access).where(pairs))
    return {record.ref: record for record in map(rows.access, found)}


async def _delegations(connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Fact]:
    if not refs:
        return {}
    between: defaultdict[Ref, Delegations] = defaultdict(tuple)
    pairs = _among(delegations, "consumer_orgno", "supplier_orgno", refs)
    for record in await read_delegations(connection, pairs):
        between[record.ref] += (record,)
    return dict(between)


def _among(table: FromClause, first: str, second: str, refs: Collection[Ref]) -> ColumnElement[bool]:
    return tuple_(table.c[first], table.c[second]).in_([(ref.id, ref.other) for ref in refs])
