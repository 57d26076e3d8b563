"""What every server under test looks like to the measurement, ours and the peers'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.assertions import Order


class NotRunError(Exception):
    """This case cannot be measured here; the text says why, and stands where its figure would."""


@dataclass(frozen=True, slots=True)
class Store:
    """A running database, or both of them: what the server is told, whose processor time it costs, what it counts."""

    environ: dict[str, str] = field(default_factory=dict)
    pids: Sequence[int] = ()
    counters: Callable[[], dict[str, int]] = dict


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server that answers orders on `port`."""

    order: Order
    port: int
    pid: int
    store: Store
