"""What can go wrong at an authority, each for the length of a `with` block, or for so many requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tillit.testing.refusals import Answer, Refused, json_answer

Endpoint: TypeAlias = Literal["token", "jwks", "metadata", "status", "any"]


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a request: an answer, or None for a connection that ends without one, after `delay` seconds."""

    answer: Answer | None
    delay: float = 0.0


Proceed: TypeAlias = Callable[[], Outcome]


@dataclass(eq=False)
class _Fault:
    on: Endpoint
    change: Callable[[Proceed], Outcome]
    left: int | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, endpoint: str) -> bool:
        """Whether it concerns a request to `endpoint`; counts that request."""
        if self.on not in ("any", endpoint):
            return False
        with self.lock:
            if self.left is not None:
                self.left -= 1
                return self.left >= 0
        return True


class Scenarios:
    """The faults that are on. Each method is a context manager; of two, the outer one is nearer to the client.

    `times` is how many requests it concerns, None all of them while the block lasts; `on` which endpoint.
    """

    def __init__(self) -> None:
        self._faults: list[_Fault] = []

    def apply(self, endpoint: str, proceed: Proceed) -> Outcome:
        """What comes of a request that `proceed` would answer."""
        for fault in reversed(tuple(self._faults)):
            proceed = _bound(fault, endpoint, proceed)
        return proceed()

    @contextmanager
    def latency(self, seconds: float, *, on: Endpoint = "any", times: int | None = None) -> Iterator[None]:
        """Answer `seconds` late. On a manual clock nobody waits: it moves by as much."""

        def late(proceed: Proceed) -> Outcome:
            outcome = proceed()
            return replace(outcome, delay=outcome.delay + seconds)

        with self._fault(on, late, times):
            yield

    @contextmanager
    def unavailable(
        self, *, status: int = 503, retry_after: int | None = None, on: Endpoint = "any", times: int | None = None
    ) -> Iterator[None]:
        """Answer 503, or another `status`, with `Retry-After` if given (in seconds). Nothing is spent or issued."""
        with self._answering(_refusal("unavailable", status, retry_after), on, times):
            yield

    @contextmanager
    def throttled(self, *, retry_after: int = 1, on: Endpoint = "token", times: int | None = None) -> Iterator[None]:
        """Answer 429 with `Retry-After` (in seconds)."""
        with self._answering(_refusal("client.busy", 429, retry_after), on, times):
            yield

    @contextmanager
    def dropped(
        self, *, after_deciding: bool = False, on: Endpoint = "any", times: int | None = None
    ) -> Iterator[None]:
        """End the connection without an answer.

        With `after_deciding` the request is served first and only its answer is lost. The assertion is then spent, so
        that a client which sends the same one again is refused with MP-012 (replay).
        """

        def drop(proceed: Proceed) -> Outcome:
            return replace(proceed(), answer=None) if after_deciding else Outcome(None)

        with self._fault(on, drop, times):
            yield

    @contextmanager
    def garbage(
        self,
        body: bytes = b"<html><body>Bad gateway</body></html>",
        *,
        status: int = 200,
        content_type: str = "text/html",
        on: Endpoint = "any",
        times: int | None = None,
    ) -> Iterator[None]:
        """Answer what no authority answers, as proxies and captive portals do."""
        with self._answering(Answer(status, {"content-type": content_type}, body), on, times):
            yield

    @contextmanager
    def wrong_scope(self, *scopes: str, times: int | None = None) -> Iterator[None]:
        """Say in the answer that the token has `scopes` instead of those it was asked for."""

        def narrow(proceed: Proceed) -> Outcome:
            outcome = proceed()
            if outcome.answer is None or outcome.answer.status != 200:
                return outcome
            members = {**json.loads(outcome.answer.body), "scope": " ".join(scopes)}
            return replace(outcome, answer=replace(outcome.answer, body=json.dumps(members).encode()))

        with self._fault("token", narrow, times):
            yield

    @contextmanager
    def _answering(self, answer: Answer, on: Endpoint, times: int | None) -> Iterator[None]:
        with self._fault(on, lambda _: Outcome(answer), times):
            yield

    @contextmanager
    def _fault(self, on: Endpoint, change: Callable[[Proceed], Outcome], times: int | None) -> Iterator[None]:
        fault = _Fault(on, change, times)
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults.remove(fault)


def _bound(fault: _Fault, endpoint: str, proceed: Proceed) -> Proceed:
    return lambda: fault.change(proceed) if fault.take(endpoint) else proceed()


def _refusal(reason: str, status: int, retry_after: int | None) -> Answer:
    _, members = Refused(reason).body("0" * 32, profile="standard", authenticates=False)
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return json_answer(status, members, headers)
