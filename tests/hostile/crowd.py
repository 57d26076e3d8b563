"""Many clients at once: a burst that arrives together, and a crowd that asks until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlencode

from tests.support.http import FORM, Answer, post_form
from tests.support.registrar import RegisteredClient

BURST_SECONDS = 60


def on_the_wire(form: dict[str, str]) -> bytes:
    """A whole token request, the connection to be closed after it."""
    body = urlencode(form).encode("ascii")
    head = (
        f"POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}"
    )
    return head.encode("ascii") + b"\r\n\r\n" + body


def burst(requests: Sequence[tuple[int, bytes]]) -> list[Answer]:
    """Send every request, each to its port, once all connections stand; return the answers in the same order."""
    return asyncio.run(_burst(requests))


async def _burst(requests: Sequence[tuple[int, bytes]]) -> list[Answer]:
    async with asyncio.timeout(BURST_SECONDS):
        opened = [await asyncio.open_connection("127.0.0.1", port) for port, _ in requests]
        # All but the last byte first, so that the requests become whole in one breath.
        for (_, writer), (_, data) in zip(opened, requests, strict=True):
            writer.write(data[:-1])
        await asyncio.gather(*(writer.drain() for _, writer in opened))
        for (_, writer), (_, data) in zip(opened, requests, strict=True):
            writer.write(data[-1:])
        answers = await asyncio.gather(*(reader.read() for reader, _ in opened))
        for _, writer in opened:
            writer.close()
    return [_parsed(answer) for answer in answers]


def _parsed(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status.split()[1]), headers, body)


@dataclass
class Asked:
    """One request of a crowd: when it began (monotonic), and what came of it; no status if the connection broke."""

    began: float
    status: int = 0
    code: str = ""
    token_sha256: str = ""


@dataclass
class Crowd:
    """Threads that ask for tokens, one fresh assertion and one connection a request, until `stop`."""

    port: int
    client: RegisteredClient
    size: int = 6
    claims: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.size)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, condition: Callable[[list[Asked]], bool], seconds: float = 30) -> None:
        """Return once the requests so far satisfy the condition. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not condition(list(self.asked)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {len(self.asked)} requests: {self.asked[-3:]}")
            time.sleep(0.005)

    def wait_for_more(self, status: int, count: int = 20) -> None:
        """Return once so many further requests have ended with this status."""
        target = self.count(status) + count
        self.wait_for(lambda asked: sum(each.status == status for each in asked) >= target)

    def count(self, status: int) -> int:
        """How many requests have ended with this status."""
        return sum(each.status == status for each in list(self.asked))

    def stop(self) -> list[Asked]:
        """End the crowd and return everything it asked."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.asked

    def _ask(self) -> None:
        while not self._stopping.is_set():
            asked = Asked(time.monotonic())
            try:
                answer = post_form(self.port, "/token", self.client.form(**self.claims))
                asked.status, asked.code = answer.status, answer.code
                if answer.status == 200:
                    asked.token_sha256 = sha256(answer.token.encode("ascii")).hexdigest()
            except (OSError, ValueError, json.JSONDecodeError):
                time.sleep(0.01)
            self.asked.append(asked)


def held(asked: Sequence[Asked]) -> set[str]:
    """The digests of all tokens that clients hold."""
    return {each.token_sha256 for each in asked if each.token_sha256}
