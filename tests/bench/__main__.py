"""`make bench`: tokens a second on this machine, our server and its peers in one run.

`BENCH=full` measures every combination. `BENCH_SECONDS` (5), `BENCH_RUNS` (3) and `BENCH_CONNECTIONS` (16) shape a run;
`BENCH_ONLY=text` picks the cases whose title holds the text, and then only `BENCH_OUT=folder` keeps the result.
`--json` prints the result as one JSON document.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console

from tests.bench import floor, machine, report, session
from tests.bench.outcome import Outcome
from tests.bench.plan import Case, Plan, from_environment

_FLOOR_SECONDS = 1.0
_LOG_COLUMNS = 140


def main() -> int:
    """Run the bench; return 0, or 1 if a case failed, and then keep nothing."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    as_json = parser.parse_args().json
    if sys.platform != "linux":
        parser.error("the bench needs Linux: it pins processes to cores and reads their cost from /proc")
    # A log has no width of its own; the widest table fits in this.
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else _LOG_COLUMNS)
    plan = from_environment(os.environ)
    outcome = run(plan, console)
    if as_json:
        sys.stdout.write(report.as_json(outcome))
    else:
        report.show(outcome, console)
    if any(result.failed is not None for result in outcome.results):
        console.print("A case failed, so nothing is kept.")
        return 1
    if plan.out is not None:
        console.print(f"Written: {report.write(outcome, plan.out)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def run(plan: Plan, console: Console) -> Outcome:
    """Measure the floor and every case of the plan."""
    console.print("Measuring the floor: signatures alone, on one core.")
    taken_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    described, costs = machine.describe(), floor.measure(_FLOOR_SECONDS)
    total = len(plan.cases())
    results: list[session.Result] = []

    def tell(case: Case, what: str) -> None:
        console.print(f"{len(results) + 1}/{total} {case.title}: {what}", markup=False, highlight=False)

    for result in session.results(plan, tell):
        results.append(result)
        if result.figures is not None:
            tell_rate = f"   {result.figures.median('tokens_per_second'):,.0f} tokens/s"
            console.print(tell_rate, highlight=False)
    settings = asdict(plan) | {"out": None}
    return Outcome(taken_at, settings, described, machine.versions(), costs, results)


if __name__ == "__main__":
    sys.exit(main())
