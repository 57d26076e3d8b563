"""`python -m tests.bench.libraries`: what `tillit` costs an application, beside other libraries, in one run.

`BENCH_SECONDS` (1) of processor time for each contestant and run, `BENCH_RUNS` (5). A run with these as they are, or
with `BENCH_OUT=folder`, writes `performance-libraries.md` and its figures; `--json` prints them as one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Console

from tests.bench import clients, machine, validation
from tests.bench.clients import Hits
from tests.bench.plan import EXPLANATION, cores
from tests.bench.processes import pinned
from tests.bench.report import drawn
from tests.bench.stopwatch import Cost
from tests.bench.tables import Column, Table
from tests.bench.validation import Validation

_TEMPLATE = Path(__file__).parent / "performance-libraries.md.template"
_SECONDS, _RUNS = 1.0, 5
_PACKAGES = ("cryptography", "PyJWT", "joserfc", "Authlib", "google-auth", "msal")
_ALGORITHMS = ("RS256", "ES256")
_OURS, _OURS_HIT = "tillit", "tillit, by scope"
_LOG_COLUMNS = 140


def main() -> int:
    """Measure, print, and keep what is whole. Return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.libraries", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    as_json = parser.parse_args().json
    if sys.platform != "linux":
        parser.error("the bench needs Linux: it pins processes to cores")
    seconds, runs = float(os.environ.get("BENCH_SECONDS", _SECONDS)), int(os.environ.get("BENCH_RUNS", _RUNS))
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else _LOG_COLUMNS)
    console.print("Measuring validators and clients on one core.")
    described, taken_at = machine.describe(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with pinned(frozenset(cores()[:1])):
        validations = [validation.measure(alg, seconds, runs) for alg in _ALGORITHMS]
        hits = clients.measure(seconds, runs)
    document = {"taken_at": taken_at, "settings": {"seconds": seconds, "runs": runs}, "machine": described}
    document |= {"versions": machine.versions(_PACKAGES, ["jose"])} | _figures(validations, hits)
    for table in (*(_validation_table(one) for one in validations), _hit_table(hits)):
        console.print(drawn(table))
    if as_json:
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    out = os.environ.get("BENCH_OUT") or (EXPLANATION if (seconds, runs) == (_SECONDS, _RUNS) else None)
    if out is not None:
        page = _write(Path(out), document, validations, hits)
        console.print(f"Written: {page}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _figures(validations: list[Validation], hits: Hits) -> dict[str, Any]:
    def documents(costs: Mapping[str, Cost]) -> dict[str, Any]:
        return {name: cost.document() for name, cost in costs.items()}

    return {
        "validation": {one.alg: {"costs": documents(one.costs), "absent": one.absent} for one in validations},
        "hits": {"costs": documents(hits.costs), "absent": hits.absent},
    }


def _validation_table(one: Validation) -> Table:
    columns = (Column("validator", number=False), *map(Column, ("tokens/s", "µs", "least", "most", "of tillit's")))
    rows = [[*row[:1], f"{one.costs[row[0]].per_second:,.0f}", *row[1:]] for row in _rows(one.costs, _OURS, 1)]
    return Table(f"{one.alg}: tokens validated a second on one core", columns, rows)


def _hit_table(hits: Hits) -> Table:
    columns = (Column("client", number=False), *map(Column, ("µs", "least", "most", "of tillit's")))
    return Table("A token that is at hand", columns, list(_rows(hits.costs, _OURS_HIT, 2)))


def _rows(costs: Mapping[str, Cost], ours: str, digits: int) -> Iterator[list[str]]:
    for name, cost in sorted(costs.items(), key=lambda item: item[1].microseconds):
        values = (cost.microseconds, min(cost.runs), max(cost.runs))
        yield [
            name,
            *(f"{value:.{digits}f}" for value in values),
            f"{cost.microseconds / costs[ours].microseconds:.2f}",
        ]


def _write(folder: Path, document: dict[str, Any], validations: list[Validation], hits: Hits) -> Path:
    beside = folder / "performance"
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "libraries.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    absent = {name: why for one in validations for name, why in one.absent.items()} | hits.absent
    described = document["machine"]
    page = folder / "performance-libraries.md"
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        validation="\n\n".join(f"### {one.alg}\n\n{_validation_table(one).markdown()}" for one in validations),
        hits=_hit_table(hits).markdown(),
        missing="".join(f"\n- {name} was not measured: {why}." for name, why in absent.items()),
        taken_at=document["taken_at"],
        seconds=f"{document['settings']['seconds']:g}",
        runs=document["settings"]["runs"],
        machine=(
            f"{described['processor']}, Linux {described['kernel']}, "
            f"load average {described['load_average_before']} before the first measurement"
        ),
        versions="\n".join(f"- {name} {version}" for name, version in document["versions"].items()),
    )
    page.write_text(text, encoding="utf-8")
    return page


if __name__ == "__main__":
    sys.exit(main())
