"""The only place that constructs adapters: opened once, frozen, closed in the order of need."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge

from authserver.grants.exchange import Exchange
from authserver.grants.judgement import Judge
from authserver.keys.jwks import RSA_ONLY, KeySet
from authserver.keys.ring import KeyRing, RingOptions
from authserver.keys.signer import RingSigner
from authserver.oauth.profiles import MASKINPORTEN
from authserver.record.decisions import SqlDecisions
from authserver.registry.example_keys import THUMBPRINTS
from authserver.settings import Settings, SettingsError
from authserver.storage import migrations
from authserver.storage.database import Database, open_database, wait_until_ready
from authserver.storage.errors import answering
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.single_use_sql import SqlSingleUse
from authserver.storage.snapshot import Snapshot

_PURGE_SECONDS = 60
_POLL_SECONDS = 1.0

Check = Callable[[], Awaitable[str]]


class NotReadyError(Exception):
    """The authority has not been set up far enough; the text is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a node works with. `checks` answer with a sentence when their part is not ready."""

    settings: Settings
    store: SqlRegistryStore
    exchange: Exchange
    decisions: SqlDecisions
    jwks: Callable[[], KeySet]
    checks: dict[str, Check]
    metrics: CollectorRegistry


def clock() -> int:
    """Return wall-clock time in seconds since the Unix epoch."""
    return int(time.time())


def new_id() -> str:
    """Return an unguessable id: 256 bits as 43 URL-safe characters."""
    return token_urlsafe(32)


async def migrate(settings: Settings) -> None:
    """Bring the database to this program's revision. Raises SettingsError, Unavailable."""
    await _open_database(settings).close()
    with answering("database"):
        await migrations.migrate(settings.database_url)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[SqlRegistryStore]:
    """Open the registry alone, for one verb of the operator.

    Raises NotReadyError if the database is not migrated, SettingsError, Unavailable.
    """
    database = _open_database(settings)
    try:
        await _check_revision(database)
        yield SqlRegistryStore(database)
    finally:
        await database.close()


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open a node's services, waiting for the database if need be; close them when done, flushing first.

    Raises NotReadyError if the authority is not initialised, SettingsError, BrokenKeyError.
    """
    log = structlog.get_logger("authserver")
    async with AsyncExitStack() as stack:
        database = _open_database(settings)
        stack.push_async_callback(database.close)
        await wait_until_ready(database, log.warning)
        await _check_revision(database)
        store = SqlRegistryStore(database)
        snapshot = Snapshot(store)
        stack.push_async_callback(snapshot.close)
        await snapshot.refresh()
        ring = open_key_ring(settings)
        if not ring.list():
            raise NotReadyError("There are no signing keys; run: authserver init")
        signer = RingSigner(ring, clock)
        stack.callback(signer.close)
        decisions = SqlDecisions(database)
        stack.push_async_callback(decisions.close)
        single_use = SqlSingleUse(database)
        stack.push_async_callback(single_use.close)
        await _run(stack, snapshot.run_poll(_POLL_SECONDS))
        await _run(stack, _purge(single_use))
        exchange = Exchange(
            issuer=settings.issuer,
            node=f"{socket.gethostname()}:{os.getpid()}",
            judge=Judge(snapshot, settings.issuer, settings.profile),
            registry=snapshot,
            single_use=single_use,
            signer=signer,
            decisions=decisions,
            clock=clock,
            new_id=new_id,
        )
        yield Services(
            settings=settings,
            store=store,
            exchange=exchange,
            decisions=decisions,
            jwks=_served_keys(settings, ring),
            checks=_checks(store, ring),
            metrics=_metrics(snapshot),
        )


def open_key_ring(settings: Settings) -> KeyRing:
    """Open our signing keys; example keys are refused outside dev. Raises BrokenKeyError."""
    refused = frozenset() if settings.environment == "dev" else THUMBPRINTS
    return KeyRing.open(settings.keys_dir, clock, RingOptions(refused_thumbprints=refused))


def _open_database(settings: Settings) -> Database:
    try:
        return open_database(settings.database_url)
    except ValueError as fault:
        raise SettingsError([f"AUTHSERVER_DATABASE_URL: {fault}"]) from None


def _served_keys(settings: Settings, ring: KeyRing) -> Callable[[], KeySet]:
    """Under `maskinporten` only RSA keys are published: strict readers fail a whole set on one odd key."""
    algorithms = RSA_ONLY if settings.profile == MASKINPORTEN else None
    return lambda: ring.jwks(clock(), algorithms=algorithms)


def _checks(store: SqlRegistryStore, ring: KeyRing) -> dict[str, Check]:
    async def database() -> str:
        await store.epoch()
        return ""

    async def keys() -> str:
        return ring.fault or ""

    return {"database": _answering(database), "keys": keys}


def _answering(check: Check) -> Check:
    """Turn silence into a sentence."""

    async def asked() -> str:
        try:
            return await check()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the part is not ready
            return f"does not answer: {fault}"

    return asked


def _metrics(snapshot: Snapshot) -> CollectorRegistry:
    metrics = CollectorRegistry()
    epoch = Gauge("authserver_policy_epoch", "The policy epoch this node decides under", registry=metrics)
    epoch.set_function(lambda: snapshot.epoch)
    records = Gauge("authserver_snapshot_records", "Registry records held in memory", registry=metrics)
    records.set_function(lambda: len(snapshot))
    return metrics


async def _run(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run work in the background for as long as the services are open."""
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(stop)


async def _purge(single_use: SqlSingleUse) -> None:
    """Forget assertions that can no longer be accepted, off the path of tokens."""
    log = structlog.get_logger("authserver")
    while True:
        await asyncio.sleep(_PURGE_SECONDS)
        try:
            await single_use.purge(clock())
        except Exception as fault:  # noqa: BLE001 - tried again in a minute
            log.warning("purge", fault=str(fault))


async def _check_revision(database: Database) -> None:
    with answering("database"):
        revision = await migrations.current_revision(database)
    if revision is None:
        raise NotReadyError("The database has not been set up; run: authserver init")
    if revision != migrations.head_revision():
        raise NotReadyError("The database is of another version than this program; run: authserver init")
