"""One case measured: warm-up, runs at full load, one idle client, and half of the full load."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.assertions import Signers, token_header
from tests.bench.load import Load, LoadError, body, drive
from tests.bench.plan import Case, Plan, cores, other_cores
from tests.bench.processes import cpu_seconds, pinned, resident_bytes
from tests.bench.subject import Subject

_PROBE_REQUESTS = 400
_WARM_UP_SECONDS = 2.0
_IDLE_REQUESTS = 200
# More requests than the fastest run so far would use, so that no run ends for want of them.
_SURPLUS = 1.5


@dataclass(frozen=True, slots=True)
class Run:
    """One run at full load. Times in milliseconds; `_busy` is processor time by wall time, 1 being one whole core."""

    tokens_per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_ms: float
    store_cpu_ms: float
    server_busy: float
    store_busy: float
    load_busy: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a case came to: every run, and the medians of the runs."""

    runs: list[Run]
    idle_p50_ms: float
    half_load_p99_ms: float
    resident_mib: float
    tokens: int

    def median(self, name: str) -> float:
        """The median of one figure over the runs."""
        return statistics.median(self._every(name))

    def span(self, name: str) -> tuple[float, float]:
        """The least and the greatest of one figure over the runs."""
        return min(self._every(name)), max(self._every(name))

    def document(self) -> dict[str, Any]:
        """The figures as JSON holds them."""
        names = [name for name in Run.__slots__ if name != "tokens"]
        return {"errors": 0, "median": {name: self.median(name) for name in names}} | asdict(self)

    def _every(self, name: str) -> list[float]:
        return [float(getattr(run, name)) for run in self.runs]


class Measurement:
    """Measures one case; `tell` hears what is under way."""

    def __init__(self, case: Case, plan: Plan, signers: Signers, tell: Callable[[str], None]) -> None:
        self._case, self._plan, self._signers, self._tell = case, plan, signers, tell
        self._fastest = 0.0
        self._tokens = 0

    @property
    def connections(self) -> int:
        """How many requests are in flight at full load: as many a worker, or two would have half a batch each."""
        return self._plan.connections * self._case.workers

    def take(self, subject: Subject) -> Figures:
        """Take every figure of a server that has just started. Raises LoadError."""
        with pinned(other_cores(self._case, cores())):
            self._warm_up(subject)
            runs = []
            for number in range(self._plan.runs):
                self._tell(f"run {number + 1} of {self._plan.runs}")
                runs.append(self._run(subject))
            self._tell("latency")
            idle = self._load(subject, _IDLE_REQUESTS, self._plan.seconds, connections=1)
            half = statistics.median(run.tokens_per_second for run in runs) / 2
            paced = self._load(subject, int(half * self._plan.seconds) or 1, self._plan.seconds, rate=half)
        resident = resident_bytes([subject.pid]) / 2**20
        return Figures(runs, idle.milliseconds(0.5), paced.milliseconds(0.99), resident, self._tokens)

    def _warm_up(self, subject: Subject) -> None:
        self._tell("warm-up")
        self._check(self._load(subject, _PROBE_REQUESTS, self._plan.seconds))
        seconds = min(_WARM_UP_SECONDS, self._plan.seconds)
        self._load(subject, self._enough(seconds), seconds)

    def _run(self, subject: Subject) -> Run:
        requests = self._signers.requests(subject.order, self._enough(self._plan.seconds))
        server, store = cpu_seconds([subject.pid]), cpu_seconds(subject.store.pids)
        load = self._drive(subject, requests, self._plan.seconds, self.connections, None)
        server, store = cpu_seconds([subject.pid]) - server, cpu_seconds(subject.store.pids) - store
        tokens = len(load.latencies)
        return Run(
            tokens_per_second=load.rate,
            p50_ms=load.milliseconds(0.5),
            p99_ms=load.milliseconds(0.99),
            server_cpu_ms=1000 * server / tokens,
            store_cpu_ms=1000 * store / tokens,
            server_busy=server / load.seconds,
            store_busy=store / load.seconds,
            load_busy=load.own_cpu / load.seconds,
            tokens=tokens,
        )

    def _load(
        self, subject: Subject, count: int, seconds: float, *, connections: int = 0, rate: float | None = None
    ) -> Load:
        requests = self._signers.requests(subject.order, count)
        return self._drive(subject, requests[:count], seconds, connections or self.connections, rate)

    def _drive(
        self, subject: Subject, requests: list[bytes], seconds: float, connections: int, rate: float | None
    ) -> Load:
        load = drive(subject.port, requests, connections, seconds, rate=rate)
        self._tokens += len(load.latencies)
        if rate is None and connections > 1:
            self._fastest = max(self._fastest, load.rate)
        return load

    def _enough(self, seconds: float) -> int:
        return int(self._fastest * seconds * _SURPLUS) + self.connections

    def _check(self, load: Load) -> None:
        """See that the answer is what the case promises: an access token, signed with its algorithm."""
        try:
            header = token_header(body(load.sample))
        except (ValueError, KeyError) as fault:
            raise LoadError(f"not a token answer: {load.sample.decode(errors='replace')}") from fault
        if header.get("alg") != self._case.token_alg:
            raise LoadError(f"the token's header is {header}, not one of {self._case.token_alg}")
