"""From what one token costs to what a given rate needs. Nothing here measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.costs_meter import Reading
from tests.bench.tables import Column, Table

# How much of a core is planned for; the rest is for bursts, for the loss of a node and for PostgreSQL's own work.
HEADROOM = 0.7
# The PostgreSQL primary that the last table supposes: it is the one part that nobody adds a second of.
PRIMARY_CORES = 32
WAL_BYTES_PER_SECOND = 500e6
RATES = (100, 1_000, 10_000, 100_000)
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Point:
    """One load: what a token cost under it. `fsync_ms` belongs to the disk."""

    name: str
    tokens: int
    tokens_per_second: float
    p50_ms: float
    p99_ms: float
    per_token: Reading
    request_bytes: int
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Model:
    """The loads measured, which of them is `planned` for, and what does not depend on the load."""

    points: Sequence[Point]
    planned: Point
    resident_mib: float
    remembered_seconds: float

    def cost(self, name: str) -> float:
        """What a token cost of one counter under the load that is planned for."""
        return float(getattr(self.planned.per_token, name))

    def cores(self, name: str, rate: float) -> float:
        """Cores that `rate` tokens a second need of one part, with headroom."""
        return rate * self.cost(name) / HEADROOM

    def most(self) -> list[tuple[str, float, str]]:
        """Parts, the rate at which each is full without headroom, and what is done then; the first to be full first."""
        valkey, postgresql, wal = (self.cost(name) for name in ("valkey_cpu", "postgresql_cpu", "wal_bytes"))
        parts = [
            ("one core of a node", 1 / self.cost("server_cpu"), "one more worker or node"),
            (
                "one Valkey, whose commands run in one thread",
                1 / valkey,
                "a Cluster: assertions are spread by their digest",
            ),
            (
                f"a PostgreSQL primary of {PRIMARY_CORES} cores",
                PRIMARY_CORES / postgresql,
                "a second authority, or fewer tokens",
            ),
            (
                f"a disk that takes {WAL_BYTES_PER_SECOND / 1e6:,.0f} MB/s of WAL",
                WAL_BYTES_PER_SECOND / wal,
                "a faster disk, or WAL on its own",
            ),
        ]
        return sorted(parts, key=lambda part: part[1])


def per_token(model: Model) -> Table:
    """What a token costs each part under each load."""
    rows = [
        ["tokens/s", *(f"{point.tokens_per_second:,.0f}" for point in model.points)],
        ["latency p50, p99, ms", *(f"{point.p50_ms:.1f}, {point.p99_ms:.1f}" for point in model.points)],
        *(
            [label, *(_shown(getattr(point.per_token, name) * scale, digits) for point in model.points)]
            for label, name, scale, digits in _ROWS
        ),
        ["bytes of a request, of an answer", *(f"{p.request_bytes:,}, {p.answer_bytes:,}" for p in model.points)],
    ]
    columns = [Column("for each token", number=False), *(Column(point.name) for point in model.points)]
    return Table("What a token costs", columns, rows)


_ROWS: Sequence[tuple[str, str, float, int]] = (
    ("node, CPU ms", "server_cpu", 1e3, 3),
    ("PostgreSQL, CPU ms", "postgresql_cpu", 1e3, 3),
    ("Valkey, CPU ms", "valkey_cpu", 1e3, 3),
    ("round trips to PostgreSQL that commit", "commits", 1, 3),
    ("round trips to Valkey", "valkey_reads", 1, 3),
    ("Valkey commands", "valkey_commands", 1, 2),
    ("WAL, bytes", "wal_bytes", 1, 0),
    ("tables and indexes, bytes", "table_bytes", 1, 0),
    ("Valkey memory, bytes", "valkey_memory", 1, 0),
    ("bytes to and from Valkey", "valkey_traffic", 1, 0),
    ("bytes to and from PostgreSQL", "postgresql_traffic", 1, 0),
)


def _shown(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if value > 0 else "not measured"


def sizing(model: Model) -> Table:
    """What each rate needs of every part."""
    wal, table, commits = (model.cost(name) for name in ("wal_bytes", "table_bytes", "commits"))
    request, answer = (
        max(getattr(point, name) for point in model.points) for name in ("request_bytes", "answer_bytes")
    )
    memory = model.cost("valkey_memory") * model.remembered_seconds
    rows = [
        ["cores for nodes", *(_cores(model.cores("server_cpu", rate)) for rate in RATES)],
        ["memory of the nodes, GiB", *(_gib(_whole(model.cores("server_cpu", r)) * model.resident_mib) for r in RATES)],
        ["cores for PostgreSQL", *(_cores(model.cores("postgresql_cpu", rate)) for rate in RATES)],
        ["commits/s", *(f"{rate * commits:,.0f}" for rate in RATES)],
        ["WAL, MB/s", *(f"{rate * wal / 1e6:,.1f}" for rate in RATES)],
        ["tables and indexes, GB/day", *(f"{rate * table * _DAY / 1e9:,.1f}" for rate in RATES)],
        ["cores for Valkey", *(_cores(model.cores("valkey_cpu", rate)) for rate in RATES)],
        ["memory of Valkey, MiB", *(f"{rate * memory / 2**20:,.0f}" for rate in RATES)],
        ["network in, Mbit/s", *(f"{rate * request * 8 / 1e6:,.1f}" for rate in RATES)],
        ["network out, Mbit/s", *(f"{rate * answer * 8 / 1e6:,.1f}" for rate in RATES)],
    ]
    columns = [Column("tokens/s", number=False), *(Column(f"{rate:,}") for rate in RATES)]
    return Table("What a rate needs", columns, rows)


def bottlenecks(model: Model) -> Table:
    """At which rate each part is full, the first first."""
    rows = [[part, f"{rate:,.0f}", remedy] for part, rate, remedy in model.most()]
    columns = (Column("what is full", number=False), Column("at tokens/s"), Column("then", number=False))
    return Table("What is full first", columns, rows)


def million(model: Model) -> dict[str, Any]:
    """Bytes for a million decisions, as a reader writes them."""
    return {
        "million_mb": f"{model.cost('table_bytes'):,.0f}",
        "million_wal_mb": f"{model.cost('wal_bytes'):,.0f}",
        "year_gb": f"{model.cost('table_bytes') * 10 * _DAY * 365 / 1e9:,.0f}",
    }


def _whole(cores: float) -> int:
    return max(1, math.ceil(cores))


def _cores(cores: float) -> str:
    return f"{cores:.2f}" if cores < 1 else f"{math.ceil(cores):,}"


def _gib(mib: float) -> str:
    return f"{mib / 1024:,.1f}"
