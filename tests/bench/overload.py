"""`python -m tests.bench.overload`: what more load than there is room for does to whoever asks for little.

`BENCH_SECONDS` (5) and `BENCH_RUNS` (3) shape a run. It prints ratios, each of figures from the same run, and the cost
of requests that get no token beside that of one that does. `--json` prints the figures of every run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.assertions import Order, Signers
from tests.bench.authority import SCOPE, SUPPLIER, Authority, set_up
from tests.bench.crowd import Caller, ask
from tests.bench.invalid import KINDS
from tests.bench.load import drive
from tests.bench.plan import OURS, POSTGRESQL_VALKEY, STANDARD_EC, Case, cores, other_cores
from tests.bench.processes import cpu_seconds, pinned, resident_bytes
from tests.bench.stores import open_store
from tests.bench.subject import Subject

CASE = Case(OURS, *STANDARD_EC, POSTGRESQL_VALKEY)
LOADS = (1, 2, 4)
_QUIET_SHARE = 0.1
_QUIET_CONNECTIONS, _NOISY_CONNECTIONS, _PLAIN_CONNECTIONS = 8, 512, 16
_PROBES = 3000


@dataclass(frozen=True, slots=True)
class Beside:
    """A quiet client beside a noisy one that offers `load` times what the server can do; times in milliseconds."""

    load: float
    quiet_p50: float
    quiet_p99: float
    quiet_refused: int
    accepted_per_second: float
    shed_per_second: float
    without_retry_after: int
    server_busy: float
    resident_mib: float


class Overload:
    """One server, a noisy client and a quiet one."""

    def __init__(self, subject: Subject, quiet: Order, signers: Signers, seconds: float) -> None:
        self._subject, self._quiet, self._signers, self._seconds = subject, quiet, signers, seconds
        self._most = 0.0

    def capacity(self) -> float:
        """Tokens a second for one client on as many connections as the other benches use; the best so far counts."""
        count = int(max(self._most, _PROBES / self._seconds) * self._seconds * 1.5)
        requests = self._signers.requests(self._subject.order, count)
        rate = drive(self._subject.port, requests, _PLAIN_CONNECTIONS, self._seconds).rate
        self._most = max(self._most, rate)
        return rate

    def beside(self, load: float) -> Beside:
        """The quiet client at a tenth of the capacity, beside a noisy one; `load` 0 means that it is alone."""
        pid = [self._subject.pid]
        rate = self._most * _QUIET_SHARE
        quiet = Caller(self._sign(self._quiet, rate), _QUIET_CONNECTIONS, rate)
        callers = [quiet]
        if load:
            offered = self._most * load
            callers.append(Caller(self._sign(self._subject.order, self._most * 1.2), _NOISY_CONNECTIONS, offered))
        before = cpu_seconds(pid)
        took = ask(self._subject.port, callers, self._seconds)
        return Beside(
            load,
            quiet.milliseconds(0.5),
            quiet.milliseconds(0.99),
            sum(quiet.statuses.values()) - quiet.accepted,
            sum(caller.accepted for caller in callers) / took,
            sum(caller.shed for caller in callers) / took,
            sum(caller.without_retry_after for caller in callers),
            (cpu_seconds(pid) - before) / took,
            resident_bytes(pid) / 2**20,
        )

    def cost(self, kind: str) -> tuple[float, float]:
        """Milliseconds of processor time, the server's and its stores', for each request of a kind."""
        requests = KINDS[kind].requests(self._sign(self._subject.order, self._most), self._subject.order.key)
        caller = Caller(requests, _PLAIN_CONNECTIONS, again=KINDS[kind].again)
        pids = ([self._subject.pid], self._subject.store.pids)
        before = [cpu_seconds(each) for each in pids]
        ask(self._subject.port, [caller], self._seconds)
        answers = sum(caller.statuses.values())
        if set(caller.statuses) != {KINDS[kind].status}:
            raise RuntimeError(f"{kind}: {dict(caller.statuses)}: {caller.sample!r}")
        server, store = (1000 * (cpu_seconds(each) - was) / answers for each, was in zip(pids, before, strict=True))
        return server, store

    def _sign(self, order: Order, rate: float) -> list[bytes]:
        return self._signers.requests(order, int(rate * self._seconds) + _NOISY_CONNECTIONS)


def quiet_client(authority: Authority, order: Order) -> Order:
    """Register a second client, with the key of the first."""
    jwk = authority.directory / "quiet.jwk.json"
    jwk.write_text(json.dumps(order.key.public))
    named = ("--client-id", "bench-quiet", "--jwk", str(jwk), "--profile", CASE.profile)
    authority.run("client", "add", "--org", SUPPLIER, "--scope", SCOPE, *named)
    return replace(order, client_id="bench-quiet")


def measure(seconds: float, runs: int) -> dict[str, object]:
    """Take every figure, `runs` times one after the other."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tillit-bench-")))
        signers = Signers()
        stack.callback(signers.close)
        stack.enter_context(pinned(other_cores(CASE, cores())))
        authority = set_up(directory, stack.enter_context(open_store(CASE.store, directory)), [CASE])
        subject = stack.enter_context(authority.serving(CASE))
        overload = Overload(subject, quiet_client(authority, subject.order), signers, seconds)
        overload.capacity()
        return {
            "case": CASE.title,
            "capacity": [overload.capacity() for _ in range(runs)],
            "beside": {load: [overload.beside(load) for _ in range(runs)] for load in (0, *LOADS)},
            "cost": {kind: [overload.cost(kind) for _ in range(runs)] for kind in KINDS},
        }


def tables(figures: dict[str, object]) -> list[Table]:
    """The figures as ratios: medians over the runs, by the median of what they are compared with."""
    beside, cost = figures["beside"], figures["cost"]
    assert isinstance(beside, dict)
    assert isinstance(cost, dict)
    return [_beside(beside), _cost(cost)]


def _beside(beside: dict[float, list[Beside]]) -> Table:
    table = Table(title="A quiet client beside a noisy one", title_justify="left")
    heads = (
        "offered",
        "quiet p50",
        "to alone",
        "to 1x",
        "quiet p99",
        "to 1x",
        "refused",
        "accepted/s",
        "to 1x",
        "shed/s",
    )
    for head in (*heads, "server busy", "RSS"):
        table.add_column(head, justify="right")
    for load, taken in beside.items():
        p50, p99 = _median(taken, "quiet_p50"), _median(taken, "quiet_p99")
        alone, full, full99 = (
            _median(beside[0], "quiet_p50"),
            _median(beside[1], "quiet_p50"),
            _median(beside[1], "quiet_p99"),
        )
        accepted = _median(taken, "accepted_per_second")
        table.add_row(
            f"{load:g}x" if load else "alone",
            f"{p50:.2f} ms",
            f"{p50 / alone:.2f}",
            f"{p50 / full:.2f}",
            f"{p99:.2f} ms",
            f"{p99 / full99:.2f}",
            f"{sum(each.quiet_refused for each in taken)}",
            f"{accepted:,.0f}",
            f"{accepted / _median(beside[1], 'accepted_per_second'):.2f}",
            f"{_median(taken, 'shed_per_second'):,.0f}",
            f"{_median(taken, 'server_busy'):.0%}",
            f"{_median(taken, 'resident_mib'):.0f} MiB",
        )
    return table


def _cost(cost: dict[str, list[tuple[float, float]]]) -> Table:
    table = Table(title="What a request costs, in processor time, to one that gets a token", title_justify="left")
    for head in ("request", "status", "server", "to a token", "stores", "all to a token"):
        table.add_column(head, justify="left" if head == "request" else "right")
    valid, valid_store = (statistics.median(run[which] for run in cost["a token"]) for which in (0, 1))
    for kind, runs in cost.items():
        server, store = (statistics.median(run[which] for run in runs) for which in (0, 1))
        ratios = server / valid, (server + store) / (valid + valid_store)
        row = f"{server:.3f} ms", f"{ratios[0]:.2f}", f"{store:.3f} ms", f"{ratios[1]:.2f}"
        table.add_row(kind, str(KINDS[kind].status), *row)
    return table


def _median(taken: Sequence[Beside], name: str) -> float:
    return statistics.median(float(getattr(each, name)) for each in taken)


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overload", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON document")
    as_json = parser.parse_args().json
    figures = measure(float(os.environ.get("BENCH_SECONDS", "5")), int(os.environ.get("BENCH_RUNS", "3")))
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 160)
    for table in tables(figures):
        console.print(table)
    if as_json:
        sys.stdout.write(json.dumps(figures, default=lambda each: {s: getattr(each, s) for s in each.__slots__}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
