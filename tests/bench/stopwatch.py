"""Microseconds a call: contestants measured in turn, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Calls between two looks at the clock, which costs less than one of them.
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a call in each run."""

    runs: tuple[float, ...]

    @property
    def microseconds(self) -> float:
        """The median over the runs."""
        return statistics.median(self.runs)

    @property
    def per_second(self) -> float:
        """Calls a second at the median."""
        return 1e6 / self.microseconds

    def document(self) -> dict[str, object]:
        """The cost as JSON holds it."""
        return {"microseconds": self.microseconds, "runs": list(self.runs)}


Run = Callable[[float], float]


def repeated(call: Callable[[], object]) -> Run:
    """What measures `call` for some seconds of processor time and returns its microseconds."""

    def run(seconds: float) -> float:
        calls = 0
        began = passed = time.process_time()
        while (passed := time.process_time()) - began < seconds or not calls:
            for _ in range(_BATCH):
                call()
            calls += _BATCH
        return (passed - began) / calls * 1e6

    return run


def race(contestants: Mapping[str, Run], seconds: float, runs: int) -> dict[str, Cost]:
    """Measure each contestant for `seconds`, `runs` times in turn, after one turn that does not count."""
    seen: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(runs + 1):
        for name, run in contestants.items():
            gc.collect()
            microseconds = run(seconds if turn else seconds / 4)
            if turn:
                seen[name].append(microseconds)
    return {name: Cost(tuple(costs)) for name, costs in seen.items()}
