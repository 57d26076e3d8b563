"""`python -m tests.bench.costs`: what a token costs every part, and what a rate needs: the page `cost-model.md`.

`BENCH_SECONDS` (20) for each load, `BENCH_CONNECTIONS` (16). A run with these as they are, or with `BENCH_OUT=folder`,
is kept; `--json` prints it as one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Console

from tests.bench import costs_model, machine
from tests.bench.assertions import Signers
from tests.bench.authority import set_up
from tests.bench.costs_meter import Meter
from tests.bench.costs_model import HEADROOM, Model, Point
from tests.bench.load import Load, drive
from tests.bench.plan import EXPLANATION, OURS, POSTGRESQL_VALKEY, STANDARD_RSA, Case, cores, other_cores
from tests.bench.processes import pinned
from tests.bench.report import drawn
from tests.bench.subject import Store, Subject
from tests.support.servers import postgres, valkey

_TEMPLATE = Path(__file__).parent / "cost-model.md.template"
_CASE = Case(OURS, *STANDARD_RSA, POSTGRESQL_VALKEY)
_SECONDS, _CONNECTIONS = 20.0, 16
_WARM_UP = 500
_PROBE_SECONDS = 2.0
_QUIET = 0.1
_SURPLUS = 1.5
_LOG_COLUMNS = 140


@dataclass(frozen=True, slots=True)
class Shape:
    """How to load: seconds for each load, connections at full load."""

    seconds: float
    connections: int


def main() -> int:
    """Measure, compute, print, and keep what is whole. Return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costs", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    as_json = parser.parse_args().json
    if sys.platform != "linux":
        parser.error("the bench needs Linux: it pins processes to cores and reads their cost from /proc")
    environ = os.environ
    whole = Shape(_SECONDS, _CONNECTIONS)
    shape = Shape(float(environ.get("BENCH_SECONDS", _SECONDS)), int(environ.get("BENCH_CONNECTIONS", _CONNECTIONS)))
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else _LOG_COLUMNS)
    described, taken_at = machine.describe(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    model = measure(shape, console)
    document = {"taken_at": taken_at, "settings": asdict(shape), "machine": described}
    document |= {"versions": machine.versions(npm=()), "model": asdict(model)}
    for table in (costs_model.per_token(model), costs_model.sizing(model), costs_model.bottlenecks(model)):
        console.print(drawn(table))
    if as_json:
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    out = environ.get("BENCH_OUT") or (EXPLANATION if shape == whole else None)
    if out is not None:
        console.print(f"Written: {write(Path(out), document, model)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def measure(shape: Shape, console: Console) -> Model:
    """Run one node on PostgreSQL and Valkey under each load. Raises RuntimeError, LoadError."""
    signers = Signers()
    free = other_cores(_CASE, cores())
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tillit-costs-") as folder,
            pinned(free),
            postgres() as database,
            valkey() as memory,
        ):
            settings = {"DATABASE_URL": database.create_database("bench"), "REDIS_URL": memory.url}
            store = Store(settings, [database.pid, memory.pid])
            console.print("Setting up.")
            with set_up(Path(folder), store, [_CASE]).serving(_CASE) as subject:
                return _loads(Meter(subject, database, memory), signers, shape, console)
    finally:
        signers.close()


def _loads(meter: Meter, signers: Signers, shape: Shape, console: Console) -> Model:
    subject = meter.subject
    warm = drive(subject.port, signers.requests(subject.order, _WARM_UP), shape.connections, shape.seconds)
    short = min(_PROBE_SECONDS, shape.seconds)
    fastest = drive(subject.port, _enough(signers, subject, warm.rate, short), shape.connections, short).rate
    console.print(f"Full load, {shape.seconds:g} s.", highlight=False)
    full = _point("full load", meter, _enough(signers, subject, fastest, shape.seconds), shape, None)
    remembered = meter.remembered_seconds() + shape.seconds / 2
    paced = []
    for share in (HEADROOM, _QUIET):
        console.print(f"{share:.0%} of it, {shape.seconds:g} s.", highlight=False)
        rate = share * full.tokens_per_second
        requests = _enough(signers, subject, rate, shape.seconds)
        paced.append(_point(f"{share:.0%} of it", meter, requests, shape, rate))
    return Model([full, *paced], paced[0], meter.resident_mib(), remembered)


def _enough(signers: Signers, subject: Subject, rate: float, seconds: float) -> list[bytes]:
    return signers.requests(subject.order, int(rate * seconds * _SURPLUS) + 100)


def _point(name: str, meter: Meter, requests: list[bytes], shape: Shape, rate: float | None) -> Point:
    before = meter.read()
    load: Load = drive(meter.subject.port, requests, shape.connections, shape.seconds, rate=rate)
    added, tokens = meter.read().since(before), len(load.latencies)
    if added.decisions != tokens:
        raise RuntimeError(f"{tokens} tokens, but {added.decisions:.0f} decisions on record")
    return Point(
        name=name,
        tokens=tokens,
        tokens_per_second=load.rate,
        p50_ms=load.milliseconds(0.5),
        p99_ms=load.milliseconds(0.99),
        per_token=added.each(tokens),
        request_bytes=len(requests[0]),
        answer_bytes=len(load.sample),
    )


def write(folder: Path, document: dict[str, Any], model: Model) -> Path:
    """Write the page and its figures; return the page's path."""
    beside = folder / "performance"
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "costs.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    page, described = folder / "cost-model.md", document["machine"]
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        costs_model.million(model),
        per_token=costs_model.per_token(model).markdown(),
        sizing=costs_model.sizing(model).markdown(),
        bottlenecks=costs_model.bottlenecks(model).markdown(),
        taken_at=document["taken_at"],
        remembered=f"{model.remembered_seconds:.0f}",
        resident=f"{model.resident_mib:.0f}",
        headroom=f"{costs_model.HEADROOM:.0%}",
        machine=(
            f"{described['processor']}, {described['cores']} cores, {described['memory_gib']} GiB of memory, "
            f"Linux {described['kernel']}, {described['fsync_ms']:.2f} ms for an fsync of 4 KiB, "
            f"load average {described['load_average_before']} before the first load"
        ),
        versions="\n".join(f"- {name} {version}" for name, version in document["versions"].items()),
    )
    page.write_text(text, encoding="utf-8")
    return page


if __name__ == "__main__":
    sys.exit(main())
