"""What tells whether a node is ready, and what is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from authserver.grants.admission import FairAdmission
from authserver.grants.lanes import Shed
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


def node_metrics(snapshot: Snapshot, admission: FairAdmission) -> CollectorRegistry:
    """Count what this node holds; the endpoints add what they answer."""
    metrics = CollectorRegistry()
    epoch = Gauge("authserver_policy_epoch", "The policy epoch this node decides under", registry=metrics)
    epoch.set_function(lambda: snapshot.epoch)
    records = Gauge("authserver_snapshot_records", "Registry records held in memory", registry=metrics)
    records.set_function(lambda: len(snapshot))
    under_way = Gauge("authserver_under_way", "Token requests that are worked on", registry=metrics)
    under_way.set_function(lambda: admission.lanes.under_way)
    waiting = Gauge("authserver_waiting", "Token requests that wait for their turn", registry=metrics)
    waiting.set_function(lambda: admission.lanes.waiting)
    held_back = Gauge("authserver_held_back", "Refusals that are held back to bound their rate", registry=metrics)
    held_back.set_function(lambda: admission.held_back)
    metrics.register(_ShedCollector(admission))
    return metrics


@dataclass(frozen=True)
class _ShedCollector(Collector):
    """Tells how many requests were turned away, by why."""

    admission: FairAdmission

    def collect(self) -> Iterator[Metric]:
        """Yield the counts at this moment, zeros included."""
        shed = CounterMetricFamily("authserver_shed", "Token requests turned away for want of room", labels=["reason"])
        for why in Shed:
            shed.add_metric([why.value], self.admission.shed[why])
        yield shed
