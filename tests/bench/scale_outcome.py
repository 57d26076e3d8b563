"""What a run of `make bench-scale` found: a series of figures for each size, and each as a ratio to the smallest."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from authserver.storage.snapshot import ABSENT_RECORDS, PRESENT_RECORDS
from tests.bench.outcome import Aim
from tests.bench.scale_serving import Series, Sized

LISTS = "list: "


@dataclass(frozen=True, slots=True)
class Size:
    """One registry: what filling it took, and every figure in the order of the turns."""

    sized: Sized
    fill_seconds: float
    database_mib: float
    series: Series

    @property
    def clients(self) -> int:
        """How many clients it has; what sizes are known by."""
        return self.sized.registry.clients

    def median(self, name: str) -> float:
        """The median of one figure."""
        return statistics.median(self.series[name])

    def document(self) -> dict[str, Any]:
        """The size as JSON holds it."""
        filled = {"fill_seconds": self.fill_seconds, "database_mib": self.database_mib}
        medians = {name: self.median(name) for name in self.series}
        return self.sized.registry.counts() | filled | {"median": medians, "every": self.series}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one run found, the smallest size first; `memory` is how a snapshot of the largest fills up."""

    taken_at: str
    runs: int
    machine: dict[str, Any]
    versions: dict[str, str]
    sizes: list[Size]
    memory: list[dict[str, Any]]

    @property
    def small(self) -> Size:
        """The smallest registry."""
        return self.sizes[0]

    @property
    def large(self) -> Size:
        """The largest registry."""
        return self.sizes[-1]

    def ratio(self, name: str, size: Size | None = None) -> float:
        """What a figure at a size, else the largest, is in figures of the smallest: the median over the turns.

        Both of a turn are taken right after each other, so that what disturbs one of them mostly disturbs both.
        """
        pairs = zip((size or self.large).series[name], self.small.series[name], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def lists(self) -> list[str]:
        """The names of the lists that were timed."""
        return [name for name in self.large.series if name.startswith(LISTS)]

    def aims(self) -> Iterator[Aim]:
        """What was promised for a registry of the largest size."""
        for kind, text in (("hot", "clients in use"), ("any", "any client"), ("great", "suppliers of everyone")):
            for load, how in (("alone", "asking alone"), ("loaded", "under load")):
                ratio = self.ratio(f"{kind}_{load}_p50_ms")
                yield Aim(f"p50 of a token, {text}, {how}, times the small registry's", 1.1, ratio, at_most=True)
        yield Aim("start to ready, seconds", 5, self.large.median("start_seconds"), at_most=True)
        pages = [name for name in self.lists() if name.endswith("a page")]
        slowest = max((self.large.median(name) for name in pages), default=None)
        yield Aim("the slowest page of a list, ms", 50, slowest, at_most=True)
        most = max(step["records"] for step in self.memory)
        yield Aim("records in a full snapshot", PRESENT_RECORDS + ABSENT_RECORDS, most, at_most=True)

    def document(self) -> dict[str, Any]:
        """The run as JSON holds it, ratios included."""
        return {
            "taken_at": self.taken_at,
            "runs": self.runs,
            "machine": self.machine,
            "versions": self.versions,
            "aims": [
                {"text": a.text, "bound": a.bound, "measured": a.measured, "verdict": a.verdict} for a in self.aims()
            ],
            "sizes": [size.document() | {"ratios": self._ratios(size)} for size in self.sizes],
            "memory": self.memory,
        }

    def _ratios(self, size: Size) -> dict[str, float]:
        return {name: self.ratio(name, size) for name in size.series}
