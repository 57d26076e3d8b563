"""Nodes on registries of several sizes, asked in turns, so that what else the machine does falls on all alike."""

from __future__ import annotations

import http.client
import os
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from tests.bench.assertions import Order, sign_requests
from tests.bench.authority import GRANT, ISSUER, Authority
from tests.bench.load import drive
from tests.bench.plan import cores
from tests.bench.processes import START_SECONDS, cpu_seconds, pinned, resident_bytes, running
from tests.bench.scale_registry import CLIENTS_EACH, GREAT_SUPPLIERS, Registry, asked_scope, client_id, consumer_of, key
from tests.support.servers import free_port

CONNECTIONS = 16
HOT_CLIENTS = 100
ALONE, TOGETHER = 200, 1_000
FIRST_ALONE, FIRST_TOGETHER = 200, 600
_SEED = 20_000
_PATIENCE_SECONDS = 60.0
_FEW_TO_SIGN = 500

Series = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Sized:
    """An authority whose database holds this registry."""

    registry: Registry
    authority: Authority
    dsn: str


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    pid: int
    port: int
    management_port: int

    def resident_mib(self) -> float:
        """Its resident memory."""
        return resident_bytes([self.pid]) / 2**20

    def records(self) -> int:
        """How many records its snapshot holds."""
        told = _get(self.management_port, "/metrics")[1]
        found = re.search(r"^authserver_snapshot_records (\S+)$", told, re.MULTILINE)
        return int(float(found[1])) if found else 0


class Signing:
    """Signs for many clients on every core while nothing is measured; for few, here."""

    def __init__(self) -> None:
        self._count = os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(self._count, mp_context=get_context("spawn"))

    def requests(self, numbers: Sequence[int], port: int) -> list[bytes]:
        """One request for each number of a client; every second acts for an organisation that delegated to it."""
        if len(numbers) <= _FEW_TO_SIGN:
            return sign_for(numbers, port)
        size = -(-len(numbers) // self._count)
        shares = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        return [request for part in self._pool.map(sign_for, shares, [port] * len(shares)) for request in part]

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def sign_for(numbers: Sequence[int], port: int) -> list[bytes]:
    """Sign one request for each of these clients."""
    return [_sign(number, port, delegated=bool(place % 2)) for place, number in enumerate(numbers)]


def _sign(number: int, port: int, *, delegated: bool) -> bytes:
    claims = {"scope": asked_scope(number)} | ({"consumer_org": consumer_of(number)} if delegated else {})
    return sign_requests(Order(key(number), client_id(number), ISSUER, claims, GRANT, port), 1)[0]


@contextmanager
def serving(sized: Sized, found: Series) -> Iterator[Node]:
    """Serve on the first core; `found` gets the seconds, by the clock and of the processor, until the node is ready."""
    port, management_port = free_port(), free_port()
    environ = sized.authority.environ(PORT=str(port), MANAGEMENT_PORT=str(management_port))
    log = sized.authority.directory / "serve.log"
    began = time.perf_counter()
    command = [sys.executable, "-m", "authserver", "serve"]
    with running(command, environ, port, log, frozenset(cores()[:1])) as pid:
        while _get(management_port, "/readyz")[0] != 200:
            if time.perf_counter() - began > START_SECONDS:
                raise RuntimeError(f"the node did not become ready: {_get(management_port, '/readyz')[1]}")
            time.sleep(0.01)
        found["start_seconds"].append(time.perf_counter() - began)
        found["start_cpu_seconds"].append(cpu_seconds([pid]))
        yield Node(pid, port, management_port)


def start_often(every: Sequence[Sized], found: list[Series], times: int) -> None:
    """Start each node so many times, in turns."""
    for turn in range(times):
        for place in _order(len(every), turn):
            with serving(every[place], found[place]):
                pass


class Tokens:
    """Asks nodes for tokens and notes in `found`, one series of figures for each node, what came of it.

    `share` is how many of the usual requests are made.
    """

    def __init__(
        self, every: Sequence[Sized], nodes: Sequence[Node], signing: Signing, found: list[Series], share: float = 1.0
    ) -> None:
        self._every, self._nodes, self._signing, self._found = every, nodes, signing, found
        self._share = share
        self._random = random.Random(_SEED)

    def first_touch(self) -> None:
        """Ask for clients whom the node has not met since it started, each once."""
        first, then = self._some(FIRST_ALONE), self._some(FIRST_TOGETHER)
        met = [self._random.sample(range(sized.registry.clients), first + then) for sized in self._every]
        self._ask("first", lambda place: met[place][:first], lambda place: met[place][first:], turn=0)

    def turn(self, turn: int) -> None:
        """Ask once for the same hundred clients again and again, once for any client, once for the great suppliers'."""
        self._ask("hot", self._hot(self._some(ALONE)), self._hot(self._some(TOGETHER)), turn)
        self._ask("any", self._any(self._some(ALONE)), self._any(self._some(TOGETHER)), turn)
        self._ask("great", _great(self._some(ALONE)), _great(self._some(TOGETHER)), turn)

    def warm_up(self) -> None:
        """Meet the hundred clients, directly and as suppliers."""
        for place, node in enumerate(self._nodes):
            numbers = [number for number in self._hot(HOT_CLIENTS)(place) for _ in range(2)]
            drive(node.port, self._signing.requests(numbers, node.port), CONNECTIONS, _PATIENCE_SECONDS)

    def _some(self, usual: int) -> int:
        return max(round(self._share * usual), CONNECTIONS)

    def _hot(self, count: int) -> Callable[[int], list[int]]:
        def numbers(place: int) -> list[int]:
            apart = self._every[place].registry.clients // HOT_CLIENTS
            return [(step % HOT_CLIENTS) * apart for step in range(count)]

        return numbers

    def _any(self, count: int) -> Callable[[int], list[int]]:
        return lambda place: [self._random.randrange(self._every[place].registry.clients) for _ in range(count)]

    def _ask(
        self, kind: str, alone: Callable[[int], list[int]], together: Callable[[int], list[int]], turn: int
    ) -> None:
        for place in _order(len(self._nodes), turn):
            node, found = self._nodes[place], self._found[place]
            one = self._signing.requests(alone(place), node.port)
            many = self._signing.requests(together(place), node.port)
            with pinned(frozenset(cores()[1:] or cores())):
                idle = drive(node.port, one, 1, _PATIENCE_SECONDS)
                cpu = cpu_seconds([node.pid])
                busy = drive(node.port, many, CONNECTIONS, _PATIENCE_SECONDS)
                cpu = cpu_seconds([node.pid]) - cpu
            found[f"{kind}_alone_p50_ms"].append(idle.milliseconds(0.5))
            found[f"{kind}_loaded_p50_ms"].append(busy.milliseconds(0.5))
            found[f"{kind}_loaded_p99_ms"].append(busy.milliseconds(0.99))
            found[f"{kind}_tokens_per_second"].append(busy.rate)
            found[f"{kind}_server_cpu_ms"].append(1000 * cpu / len(many))


def _great(count: int) -> Callable[[int], list[int]]:
    """Clients of the suppliers that everyone has delegated to, one after the other."""
    return lambda _: [step % (GREAT_SUPPLIERS * CLIENTS_EACH) for step in range(count)]


def new_series() -> Series:
    """An empty series of figures."""
    return defaultdict(list)


def _order(count: int, turn: int) -> Sequence[int]:
    """Every node once: forward, and in the next turn backward."""
    return range(count) if turn % 2 == 0 else range(count - 1, -1, -1)


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as fault:
        return 0, str(fault)
    finally:
        connection.close()
