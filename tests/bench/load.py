"""The load: keep-alive connections in one epoll loop, exact latencies, every answer looked at.

No event-loop library and no HTTP client: the generator shares the machine with the server it measures, so each
request costs it one `send`, one `recv` and a search for the end of the answer. Linux only, as the bench is.
"""

from __future__ import annotations

import gc
import select
import socket
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 30
_NAP_SECONDS = 0.0001


class LoadError(Exception):
    """An answer that is not 200, or no answer; the text shows the first of them."""


@dataclass(slots=True)
class Connection:
    """One keep-alive connection and what has arrived of the answer it waits for."""

    socket: socket.socket
    asked_at: int = 0
    arrived: bytes = b""


@dataclass(slots=True)
class Load:
    """What one load saw: latencies in nanoseconds in order of arrival, statuses, wall and own processor seconds."""

    latencies: array[int] = field(default_factory=lambda: array("q"))
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    own_cpu: float = 0.0
    sample: bytes = b""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        """The latency that this share of the answers did not exceed (nearest rank)."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6


def drive(port: int, requests: Sequence[bytes], connections: int, seconds: float, *, rate: float | None = None) -> Load:
    """Send each request at most once for `seconds`, or until there are no more, and await every answer.

    Without `rate`, each connection asks again as soon as it is answered. With it, requests fall due at that many a
    second whether or not the server keeps up, and a latency counts from when its request fell due.
    Raises LoadError at the first answer that is not 200, and when a connection breaks.
    """
    try:
        return _drive(port, requests, connections, seconds, rate)
    except OSError as fault:
        raise LoadError(f"a connection broke: {fault}") from fault


def _drive(port: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float | None) -> Load:
    with _connected(port, connections) as (poll, opened), _undisturbed():
        load = Load()
        cpu, began = time.process_time(), time.perf_counter_ns()
        if rate is None:
            _closed_loop(poll, opened, iter(requests), began + int(seconds * 1e9), load)
        else:
            _open_loop(poll, opened, requests[: int(seconds * rate)], began, rate, load)
        load.seconds = (time.perf_counter_ns() - began) / 1e9
        load.own_cpu = time.process_time() - cpu
    return load


def _closed_loop(
    poll: select.epoll, opened: dict[int, Connection], requests: Iterator[bytes], deadline: int, load: Load
) -> None:
    waiting = 0
    for connection, request in zip(opened.values(), requests, strict=False):
        _ask(connection, request, time.perf_counter_ns())
        waiting += 1
    while waiting:
        for connection in _answered(poll, opened, load, _PATIENCE_SECONDS):
            now = time.perf_counter_ns()
            request = next(requests, b"") if now < deadline else b""
            if request:
                _ask(connection, request, now)
            else:
                waiting -= 1


def _open_loop(
    poll: select.epoll, opened: dict[int, Connection], requests: Sequence[bytes], began: int, rate: float, load: Load
) -> None:
    # In turn, so that no connection stays idle until the server closes it.
    free = deque(opened.values())
    sent, gap = 0, 1e9 / rate
    silent_since = began
    while len(load.latencies) < len(requests):
        now = time.perf_counter_ns()
        while free and sent < len(requests) and (due := began + int(sent * gap)) <= now:
            _ask(free.popleft(), requests[sent], due)
            sent += 1
        answered = list(_answered(poll, opened, load, None))
        free.extend(answered)
        if answered:
            silent_since = now
        elif now - silent_since > _PATIENCE_SECONDS * 1e9:
            raise LoadError("the server stopped answering")
        else:
            time.sleep(_NAP_SECONDS)


def _ask(connection: Connection, request: bytes, at: int) -> None:
    connection.asked_at = at
    if connection.socket.send(request) != len(request):
        raise LoadError("the server does not read what it is sent")


def _answered(
    poll: select.epoll, opened: dict[int, Connection], load: Load, patience: float | None
) -> Iterator[Connection]:
    """Yield the connections whose answer is complete; `patience` None looks without waiting."""
    events = poll.poll(0 if patience is None else patience)
    if not events and patience is not None:
        raise LoadError("the server stopped answering")
    for descriptor, _ in events:
        connection = opened[descriptor]
        data = connection.socket.recv(65536)
        if not data:
            raise LoadError(f"the server closed a connection after {len(load.latencies)} answers")
        answer = connection.arrived + data
        if not _complete(answer):
            connection.arrived = answer
            continue
        connection.arrived = b""
        load.latencies.append(time.perf_counter_ns() - connection.asked_at)
        status = int(answer[9:12])
        load.statuses[status] += 1
        if status != 200:
            raise LoadError(answer.decode(errors="replace"))
        load.sample = answer
        yield connection


def _complete(answer: bytes) -> bool:
    """Tell whether an answer has arrived whole (RFC 9112 §6.3): by its length, or by its last chunk."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return b"\r\ntransfer-encoding: chunked" in head and answer.endswith(b"0\r\n\r\n")
    length = int(head[at + 17 :].partition(b"\r")[0])
    return len(answer) >= end + 4 + length


def body(answer: bytes) -> bytes:
    """The body of an answer that has a Content-Length."""
    return answer.partition(b"\r\n\r\n")[2]


@contextmanager
def _connected(port: int, count: int) -> Iterator[tuple[select.epoll, dict[int, Connection]]]:
    opened: dict[int, Connection] = {}
    with select.epoll() as poll:
        try:
            for _ in range(count):
                made = socket.create_connection(("127.0.0.1", port), 5)
                opened[made.fileno()] = Connection(made)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.setblocking(False)
                poll.register(made.fileno(), select.EPOLLIN)
            yield poll, opened
        finally:
            for connection in opened.values():
                connection.socket.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the collector of garbage from adding to a latency."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
