"""What token clients do, as metrics of OpenTelemetry. Needs the extra `otel`."""

from __future__ import annotations

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
from tillit.version import __version__

with needs_extra("otel"):
    from opentelemetry.metrics import MeterProvider, get_meter


def opentelemetry_hook(provider: MeterProvider | None = None) -> Hook:
    """A hook for any number of clients that counts with `provider`, or the process's own if there is none.

    `tillit.cache.misses`, `tillit.retries`, `tillit.refusals.remembered`, `tillit.refreshes.active`, and the histogram
    `tillit.refresh.duration` in seconds, with `error.type`, the name of an error's class, where a fetch failed. Neither
    scopes nor codes are attributes: an authority or a caller could make up any number.
    """
    return _Instruments(provider).count


class _Instruments:
    def __init__(self, provider: MeterProvider | None) -> None:
        meter = get_meter("tillit", __version__, provider)
        self._misses = meter.create_counter("tillit.cache.misses", "{call}", "Calls that waited for a token")
        self._retries = meter.create_counter("tillit.retries", "{attempt}", "Attempts after the first")
        self._refusals = meter.create_counter("tillit.refusals.remembered", "{call}", "Refusals not asked for again")
        self._under_way = meter.create_up_down_counter("tillit.refreshes.active", "{token}", "Tokens being fetched")
        self._duration = meter.create_histogram("tillit.refresh.duration", "s", "Time to fetch a token")

    def count(self, event: Event) -> None:
        match event:
            case CacheMiss():
                self._misses.add(1)
            case RefreshStarted():
                self._under_way.add(1)
            case Retried():
                self._retries.add(1)
            case RefreshSucceeded():
                self._ended(event.duration, {})
            case RefreshFailed():
                self._ended(event.duration, {"error.type": event.error})
            case RefusalRemembered():
                self._refusals.add(1)

    def _ended(self, seconds: float, attributes: dict[str, str]) -> None:
        self._under_way.add(-1)
        self._duration.record(seconds, attributes)
