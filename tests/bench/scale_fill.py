"""A registry brought into PostgreSQL by COPY, on every core: rows first, then its own constraints and indexes again.

The database ends as the migrations made it, with every constraint checked over every row by PostgreSQL itself, its
change log telling of each record's creation, and the policy epoch that follows from that.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import asyncpg

from authserver.oauth.models import Client, Delegation, Organisation, Prefix, Record, Scope, ScopeAccess
from authserver.storage import rows
from tests.bench.scale_registry import MADE_AT, RECORDS, Registry

_TABLES: dict[type[Record], str] = {
    Organisation: "organisations",
    Prefix: "prefixes",
    Scope: "scopes",
    ScopeAccess: "scope_access",
    Client: "clients",
    Delegation: "delegations",
}
_BY = {"actor_kind": "operator", "actor_orgno": "", "actor_client_id": "", "actor_person": ""}
_TASKS_EACH = 8
# What every delegation of the bench has alike.
_NEW_DELEGATION: rows.Values = {
    "purpose": "",
    "package": None,
    "parent_id": None,
    "delegator_orgno": None,
    "depth": 0,
    "status_index": None,
    "proposed_by": "",
    "awaits": "[]",
    "steps": "[]",
    "stage": None,
}
# Other processes take longer to start than these take to copy.
_TOO_FEW_TO_SHARE = 2

# Keys of other tables go first and come last: a primary key that is referred to cannot be dropped.
_CONSTRAINTS = """
    SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p') ORDER BY contype, 1, 2
"""
_INDEXES = """
    SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition
    FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid) ORDER BY 1
"""
# The first row of the change log; those before it are left to what setting up an authority has made.
_FIRST = 1_001
_SERIAL = "SELECT setval(pg_get_serial_sequence('registry_changes', 'seq'), $1)"


@dataclass(frozen=True, slots=True)
class _Later:
    """What is dropped before the rows come, as the statements that make it again."""

    drop: list[str]
    make: list[str]


def fill(dsn: str, registry: Registry) -> None:
    """Fill a migrated, empty database. Raises what asyncpg raises."""
    later = asyncio.run(_prepare(dsn))
    if registry.sectors <= _TOO_FEW_TO_SHARE:
        copy_sectors(dsn, registry, range(registry.sectors))
    else:
        _copy_on_every_core(dsn, registry)
    asyncio.run(_finish(dsn, later, registry))


def _copy_on_every_core(dsn: str, registry: Registry) -> None:
    workers = min(os.cpu_count() or 1, registry.sectors)
    share = -(-registry.sectors // (workers * _TASKS_EACH))
    parts = [range(n, min(n + share, registry.sectors)) for n in range(0, registry.sectors, share)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(copy_sectors, dsn, registry, part) for part in parts]:
            done.result()


def copy_sectors(dsn: str, registry: Registry, sectors: Iterable[int]) -> None:
    """Copy some sectors over a connection of their own."""
    asyncio.run(_copy_sectors(dsn, registry, sectors))


async def _copy_sectors(dsn: str, registry: Registry, sectors: Iterable[int]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit = off")
        for sector in sectors:
            for table, found in rows_of_sector(registry, sector).items():
                columns = list(found[0])
                await connection.copy_records_to_table(
                    table, columns=columns, records=[tuple(row.values()) for row in found]
                )
    finally:
        await connection.close()


def rows_of_sector(registry: Registry, sector: int) -> dict[str, list[rows.Values]]:
    """The rows of one sector for each table, the change log among them: each record made by a change of its own."""
    made: defaultdict[str, list[rows.Values]] = defaultdict(list)
    for epoch, record in enumerate(registry.records(sector), _FIRST + sector * RECORDS):
        row, told = _delegation(record) if isinstance(record, Delegation) else _other(record)
        if isinstance(record, Client):
            made["client_scopes"].extend({"client_id": record.client_id, "scope": scope} for scope in record.scopes)
            made["client_keys"].extend(rows.key_row(record.client_id, key) for key in record.keys.values())
        if isinstance(record, Delegation):
            made["delegation_scopes"].extend({"delegation_id": record.id, "scope": scope} for scope in record.scopes)
        made[_TABLES[type(record)]].append(row)
        kind, name, other = record.ref
        change = {"seq": epoch, "epoch": epoch, "kind": kind, "id": name, "other": other, "action": "created"}
        made["registry_changes"].append({**change, **_BY, "at": MADE_AT, "reason": "", "after": told})
    return made


def _other(record: Record) -> tuple[rows.Values, str | None]:
    return rows.row_of(record), rows.logged(record)


def _delegation(record: Delegation) -> tuple[rows.Values, str]:
    """The row and the logged form of a delegation: what `rows` makes of it, many times faster, for there are most."""
    row = _NEW_DELEGATION | {
        "consumer_orgno": record.consumer_orgno,
        "id": record.id,
        "status": record.status,
        "supplier_orgno": record.supplier_orgno,
        "valid_from": record.valid_from,
        "valid_to": record.valid_to,
    }
    scopes = '","'.join(sorted(record.scopes))
    told = (
        f'{{"awaits":[],"consumer_orgno":"{record.consumer_orgno}","delegator_orgno":null,"depth":0,"id":"{record.id}",'
        f'"package":null,"parent_id":null,"proposed_by":"","purpose":"","scopes":["{scopes}"],'
        f'"status":"{record.status}","status_index":null,"steps":[],"supplier_orgno":"{record.supplier_orgno}",'
        f'"valid_from":{record.valid_from},"valid_to":{record.valid_to}}}'
    )
    return row, told


async def _prepare(dsn: str) -> _Later:
    connection = await asyncpg.connect(dsn)
    try:
        constraints, indexes = await connection.fetch(_CONSTRAINTS), await connection.fetch(_INDEXES)
        drop = [f"ALTER TABLE {row['owner']} DROP CONSTRAINT {row['name']}" for row in constraints]
        drop += [f"DROP INDEX {row['name']}" for row in indexes]
        make = [f"ALTER TABLE {r['owner']} ADD CONSTRAINT {r['name']} {r['definition']}" for r in reversed(constraints)]
        later = _Later(drop, [row["definition"] for row in indexes] + make)
        for statement in later.drop:
            await connection.execute(statement)
        return later
    finally:
        await connection.close()


async def _finish(dsn: str, later: _Later, registry: Registry) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 2")
        for statement in later.make:
            await connection.execute(statement)
        epochs = _FIRST + registry.sectors * RECORDS - 1
        await connection.fetchval(_SERIAL, epochs)
        await connection.execute("UPDATE policy_epoch SET epoch = $1", epochs)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
