"""What token clients do, as Prometheus metrics. Needs the extra `prometheus`."""

from __future__ import annotations

from typing import Final

from tillit.events import (
    CacheMiss,
    Event,
    Hook,
    RefreshFailed,
    RefreshStarted,
    RefreshSucceeded,
    RefusalRemembered,
    Retried,
)
from tillit.extras import needs_extra

with needs_extra("prometheus"):
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SUCCESS: Final = "success"


def prometheus_hook(registry: CollectorRegistry = REGISTRY) -> Hook:
    """A hook for any number of clients that counts in `registry`, which takes one such hook.

    `tillit_cache_misses_total`, `tillit_retries_total`, `tillit_refusals_remembered_total`,
    `tillit_refreshes_in_progress`, and the histogram `tillit_refresh_seconds` by `outcome`, which is `success` or the
    name of an error's class. Neither scopes nor codes are labels: an authority or a caller could make up any number.
    """
    return _Metrics(registry).count


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._misses = Counter("tillit_cache_misses", "Calls that waited for a token", registry=registry)
        self._retries = Counter("tillit_retries", "Attempts after the first", registry=registry)
        self._refusals = Counter("tillit_refusals_remembered", "Refusals not asked for again", registry=registry)
        self._under_way = Gauge("tillit_refreshes_in_progress", "Tokens being fetched", registry=registry)
        self._refreshes = Histogram(
            "tillit_refresh_seconds", "Seconds to fetch a token", ["outcome"], buckets=_SECONDS, registry=registry
        )

    def count(self, event: Event) -> None:
        match event:
            case CacheMiss():
                self._misses.inc()
            case RefreshStarted():
                self._under_way.inc()
            case Retried():
                self._retries.inc()
            case RefreshSucceeded():
                self._ended(_SUCCESS, event.duration)
            case RefreshFailed():
                self._ended(event.error, event.duration)
            case RefusalRemembered():
                self._refusals.inc()

    def _ended(self, outcome: str, seconds: float) -> None:
        self._under_way.dec()
        self._refreshes.labels(outcome).observe(seconds)
