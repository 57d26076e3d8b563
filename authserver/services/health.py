"""What tells whether a node is ready, and what is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge

from authserver.keys.ring import KeyRing
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.snapshot import Snapshot

if TYPE_CHECKING:
    from authserver.storage.single_use_redis import RedisSingleUse

Check = Callable[[], Awaitable[str]]


def readiness_checks(store: SqlRegistryStore, redis: RedisSingleUse | None, ring: KeyRing) -> dict[str, Check]:
    """Ask each part a question; a part that is not ready answers with a sentence."""

    async def database() -> str:
        await store.epoch()
        return ""

    async def keys() -> str:
        return ring.fault or ""

    checks = {"database": _answering(database), "keys": keys}
    if redis is not None:

        async def memory() -> str:
            return " ".join(await redis.faults())

        checks["redis"] = _answering(memory)
    return checks


def _answering(check: Check) -> Check:
    """Turn silence into a sentence."""

    async def asked() -> str:
        try:
            return await check()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the part is not ready
            return f"does not answer: {fault}"

    return asked


def node_metrics(snapshot: Snapshot) -> CollectorRegistry:
    """Count what this node holds; the endpoints add what they answer."""
    metrics = CollectorRegistry()
    epoch = Gauge("authserver_policy_epoch", "The policy epoch this node decides under", registry=metrics)
    epoch.set_function(lambda: snapshot.epoch)
    records = Gauge("authserver_snapshot_records", "Registry records held in memory", registry=metrics)
    records.set_function(lambda: len(snapshot))
    return metrics
