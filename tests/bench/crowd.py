"""Several kinds of callers at one server at once: each asks at a rate or as fast as it is answered, refusals counted.

Unlike `tests.bench.load`, where any answer but 200 ends the run, a refusal here is a result. Linux only.
"""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

_NAP_SECONDS = 0.0001
_SHED = (429, 503)


@dataclass(slots=True)
class Caller:
    """One kind of caller: its requests, on so many keep-alive connections, at `rate` a second or as they are answered.

    A request that was shed was not used, and goes to the end of the line; with `again` every request does.
    """

    requests: Sequence[bytes]
    connections: int
    rate: float | None = None
    again: bool = False
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: array[int] = field(default_factory=lambda: array("q"))
    without_retry_after: int = 0
    sample: bytes = b""
    shed_sample: bytes = b""

    @property
    def accepted(self) -> int:
        """How many requests were answered 200."""
        return self.statuses[200]

    @property
    def shed(self) -> int:
        """How many were shed."""
        return sum(self.statuses[status] for status in _SHED)

    def milliseconds(self, share: float) -> float:
        """The latency, from when it fell due, that this share of the answers that were not shed did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6


@dataclass(slots=True, eq=False)
class _Line:
    """One connection of a caller, and the request that it waits for."""

    caller: Caller
    socket: socket.socket
    request: bytes = b""
    due: int = 0
    arrived: bytes = b""


def ask(port: int, callers: Sequence[Caller], seconds: float) -> float:
    """Let the callers ask for so long; answers after that are not awaited. Return how long it took. Raises OSError."""
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        lines: dict[int, _Line] = {}
        idle: list[deque[_Line]] = []
        for caller in callers:
            opened = [_Line(caller, stack.enter_context(_connect(port))) for _ in range(caller.connections)]
            idle.append(deque(opened))
            for line in opened:
                lines[line.socket.fileno()] = line
                poll.register(line.socket.fileno(), select.EPOLLIN)
        began = time.perf_counter_ns()
        _run(poll, lines, list(zip(callers, idle, strict=True)), began, began + int(seconds * 1e9))
        return (time.perf_counter_ns() - began) / 1e9


def _connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), 10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _run(
    poll: select.epoll,
    lines: dict[int, _Line],
    callers: list[tuple[Caller, deque[_Line]]],
    began: int,
    deadline: int,
) -> None:
    idle = {id(caller): free for caller, free in callers}
    queues = {id(caller): deque(caller.requests) for caller, _ in callers}
    sent = dict.fromkeys(idle, 0)
    while (now := time.perf_counter_ns()) < deadline:
        next_due = deadline
        for caller, free in callers:
            queue = queues[id(caller)]
            while free and queue:
                due = now if caller.rate is None else began + int(sent[id(caller)] * 1e9 / caller.rate)
                if due > now:
                    next_due = min(next_due, due)
                    break
                sent[id(caller)] += 1
                _send(free.popleft(), queue.popleft(), due)
        for descriptor, _ in _events(poll, next_due - now):
            line = lines[descriptor]
            if _answered(line):
                _note(line, queues[id(line.caller)])
                idle[id(line.caller)].append(line)


def _events(poll: select.epoll, left: int) -> list[tuple[int, int]]:
    """What has happened, waiting no longer than nanoseconds are left; a poll counts in milliseconds and rounds up."""
    whole = left // 1_000_000
    events = poll.poll(whole / 1000)
    if not events and not whole:
        time.sleep(_NAP_SECONDS)
    return events


def _send(line: _Line, request: bytes, due: int) -> None:
    line.request, line.due, line.arrived = request, due, b""
    line.socket.sendall(request)


def _answered(line: _Line) -> bool:
    data = line.socket.recv(65536)
    if not data:
        raise ConnectionError("the server closed a connection")
    line.arrived += data
    head, found, body = line.arrived.partition(b"\r\n\r\n")
    if not found:
        return False
    return len(body) >= int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r")[0])


def _note(line: _Line, queue: deque[bytes]) -> None:
    caller, status = line.caller, int(line.arrived[9:12])
    caller.statuses[status] += 1
    caller.sample = line.arrived
    if status in _SHED:
        caller.shed_sample = line.arrived
        caller.without_retry_after += b"\r\nretry-after: " not in line.arrived
    else:
        caller.latencies.append(time.perf_counter_ns() - line.due)
    if status in _SHED or caller.again:
        queue.append(line.request)
