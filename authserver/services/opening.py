"""Opening a node: every adapter constructed once, frozen, and closed in the reverse order of need."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from authserver import __version__
from authserver.grants.admission import Bounds, FairAdmission
from authserver.grants.exchange import Exchange
from authserver.grants.judgement import Judge
from authserver.keys.jwks import RSA_ONLY, KeySet
from authserver.keys.ring import KeyRing
from authserver.keys.signer import RingSigner
from authserver.oauth.profiles import MASKINPORTEN
from authserver.record.affected import SqlAffected
from authserver.record.decisions import SqlDecisions
from authserver.record.use import SqlDelegationUse
from authserver.registry.evidence import Authority
from authserver.services.background import every, run
from authserver.services.health import Check, node_metrics, readiness_checks
from authserver.services.outside import open_registers
from authserver.services.posting import Post
from authserver.services.status_lists import EvidenceSigner, StatusLists
from authserver.services.stores import NotReadyError, clock, open_key_ring, ready_database, ready_redis
from authserver.services.webhooks import WebhookDelivery
from authserver.settings import Settings
from authserver.storage.database import Database
from authserver.storage.delegation_lookup import SqlDelegationLookup
from authserver.storage.evidence import SqlEvidence
from authserver.storage.idempotency import SqlIdempotency
from authserver.storage.nodes import SqlNodes
from authserver.storage.record_times import SqlRecordTimes
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.single_use_sql import SqlSingleUse
from authserver.storage.snapshot import Snapshot
from authserver.storage.webhook_progress import SqlWebhookProgress

if TYPE_CHECKING:
    from authserver.storage.single_use_redis import RedisSingleUse

_POLL_SECONDS = 1.0
_PURGE_SECONDS = 60.0
_WEBHOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What the admin API works with beyond the rest. `open_store` gives each request a registry of its own."""

    open_store: Callable[[], SqlRegistryStore]
    registry: Snapshot
    idempotency: SqlIdempotency
    times: SqlRecordTimes
    affected: SqlAffected
    delegation_records: SqlDelegationUse
    held: SqlDelegationLookup
    cursor_secret: bytes


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a node works with. `checks` answer with a sentence when their part is not ready."""

    settings: Settings
    store: SqlRegistryStore
    nodes: SqlNodes
    exchange: Exchange
    jwks: Callable[[], KeySet]
    checks: dict[str, Check]
    metrics: CollectorRegistry
    admin: AdminServices
    evidence: Authority
    status_lists: StatusLists


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open a node's services, waiting for database and Redis if need be; close them when done, flushing first.

    Raises NotReadyError if the authority is not initialised or Redis must not be trusted, SettingsError, and
    BrokenKeyError.
    """
    async with AsyncExitStack() as stack:
        ring = open_key_ring(settings)
        if not ring.list():
            raise NotReadyError("There are no signing keys; run: authserver init")
        database = await ready_database(settings, stack)
        redis = await ready_redis(settings, stack)
        store = SqlRegistryStore(database, redis.publish_epoch if redis else None)
        snapshot = Snapshot(store, clock, present=settings.snapshot_records)
        stack.push_async_callback(snapshot.close)
        await snapshot.refresh()
        await _repeat_epoch(store, redis)
        nodes = SqlNodes(database)
        # A connection holds back one answer at most.
        bounds = Bounds(settings.max_concurrent, settings.max_waiting, held=settings.max_connections)
        admission = FairAdmission(snapshot.held, bounds)
        exchange = _exchange(settings, stack, database, redis, snapshot, ring, admission=admission)
        await run(stack, snapshot.run_poll(_POLL_SECONDS))
        await run(stack, every(_POLL_SECONDS, lambda: _repeat_epoch(store, redis)))
        await run(stack, every(_POLL_SECONDS, lambda: nodes.beat(exchange.node, __version__, snapshot.epoch, clock())))
        await run(stack, every(_PURGE_SECONDS, lambda: SqlSingleUse(database).purge(clock())))
        await run(stack, every(_WEBHOOK_SECONDS, _telling(settings, database, store, exchange.node)))
        kept, sign = SqlEvidence(database), EvidenceSigner(exchange.signer)
        yield Services(
            settings=settings,
            store=store,
            nodes=nodes,
            exchange=exchange,
            jwks=_served_keys(settings, ring),
            checks=readiness_checks(store, redis, ring),
            metrics=node_metrics(snapshot, admission),
            admin=await _admin(database, redis, snapshot),
            evidence=Authority(settings.issuer, sign, kept, new_id),
            status_lists=StatusLists(settings.issuer, kept, sign, lambda: snapshot.epoch, clock),
        )


def _exchange(
    settings: Settings,
    stack: AsyncExitStack,
    database: Database,
    redis: RedisSingleUse | None,
    snapshot: Snapshot,
    ring: KeyRing,
    *,
    admission: FairAdmission,
) -> Exchange:
    """Put the token request together; what it opens is flushed and closed with the stack."""
    signer = RingSigner(ring, clock, published=_published(settings))
    stack.callback(signer.close)
    # Redis may forget, by a restart or a failover; then the record keeps the last word on single use.
    decisions = SqlDecisions(database, last_word=redis is not None)
    stack.push_async_callback(decisions.close)
    single_use = redis or SqlSingleUse(database)
    if redis is None:
        stack.push_async_callback(single_use.close)
    return Exchange(
        issuer=settings.issuer,
        node=f"{socket.gethostname()}:{os.getpid()}",
        admission=admission,
        judge=Judge(snapshot, settings.issuer, settings.profile, open_registers(settings, stack)),
        registry=snapshot,
        single_use=single_use,
        signer=signer,
        decisions=decisions,
        clock=clock,
        new_id=new_id,
    )


async def _admin(database: Database, redis: RedisSingleUse | None, snapshot: Snapshot) -> AdminServices:
    memory = SqlIdempotency(database)
    return AdminServices(
        open_store=lambda: SqlRegistryStore(database, redis.publish_epoch if redis else None),
        registry=snapshot,
        idempotency=memory,
        times=SqlRecordTimes(database),
        affected=SqlAffected(database),
        delegation_records=SqlDelegationUse(database),
        held=SqlDelegationLookup(database),
        cursor_secret=await memory.cursor_secret(),
    )


def _telling(
    settings: Settings, database: Database, store: SqlRegistryStore, node: str
) -> Callable[[], Awaitable[None]]:
    """Put together what tells webhooks of changes; only `dev` tells addresses of its own network."""
    post = Post(anywhere=settings.environment == "dev")
    return WebhookDelivery(store, SqlWebhookProgress(database), post, node, clock).round


async def _repeat_epoch(store: SqlRegistryStore, redis: RedisSingleUse | None) -> None:
    """Announce what a crash between commit and announcement, or a restart of Redis, kept from being announced."""
    if redis is not None:
        await redis.announce(store.epoch)


def _served_keys(settings: Settings, ring: KeyRing) -> Callable[[], KeySet]:
    return lambda: ring.jwks(clock(), algorithms=_published(settings))


def _published(settings: Settings) -> frozenset[str] | None:
    """Under `maskinporten` only RSA keys are published: strict readers fail a whole set on one odd key."""
    return RSA_ONLY if settings.profile == MASKINPORTEN else None


def new_id() -> str:
    """Return an unguessable id: 256 bits as 43 URL-safe characters."""
    return token_urlsafe(32)
