"""Clients that ask without pause, resend what was not answered, and remember every token they got."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException
from typing import Any

from tests.support.http import Answer, post_form

SENDINGS = 3

Choose = Callable[[], tuple[Any, dict[str, str]]]
"""Names a subject and makes a form with a fresh assertion of it."""


@dataclass(frozen=True)
class Attempt:
    """One request, by one monotonic clock; `status` 0 means that the connection broke."""

    subject: Any
    port: int
    began: float
    ended: float
    status: int
    code: str
    token_sha256: str


@dataclass
class Load:
    """Threads that ask at random nodes until `stop`; what broke or got 503 is sent again as it was, elsewhere too."""

    ports: Sequence[int]
    choose: Choose
    size: int = 6
    attempts: list[Attempt] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.size)]
        for thread in self._threads:
            thread.start()

    def until(
        self, wanted: Callable[[Attempt], bool], count: int = 1, *, since: int | None = None, seconds: float = 60
    ) -> Attempt:
        """Return the attempt that makes it so many with this property, counted from now or from a place in `attempts`.

        Raises TimeoutError.
        """
        place, deadline = len(self.attempts) if since is None else since, time.monotonic() + seconds
        while time.monotonic() < deadline:
            while place < len(self.attempts):
                attempt = self.attempts[place]
                place += 1
                count -= wanted(attempt)
                if not count:
                    return attempt
            time.sleep(0.001)
        raise TimeoutError(f"after {place} requests: {self.attempts[-3:]}")

    @property
    def held(self) -> set[str]:
        """The digests of all tokens that clients hold."""
        return {attempt.token_sha256 for attempt in list(self.attempts) if attempt.token_sha256}

    def stop(self) -> list[Attempt]:
        """End the load and return everything that was asked."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.attempts

    def _run(self) -> None:
        while not self._stopping.is_set():
            subject, form = self.choose()
            for _ in range(SENDINGS):
                if self._send(subject, form) not in {0, 503}:
                    break
                time.sleep(0.01)

    def _send(self, subject: Any, form: dict[str, str]) -> int:
        port, began = random.choice(self.ports), time.monotonic()
        answer: Answer | None = None
        try:
            answer = post_form(port, "/token", form)
            code = answer.code
            digest = sha256(answer.token.encode("ascii")).hexdigest() if answer.status == 200 else ""
        except (OSError, HTTPException, ValueError):
            answer, code, digest = None, "", ""
        status = answer.status if answer else 0
        if answer is not None and status == 503 and not answer.headers.get("retry-after", "").isdigit():
            self.broken.append(f"503 does not say when to try again: {answer}")
        self.attempts.append(Attempt(subject, port, began, time.monotonic(), status, code, digest))
        return status
