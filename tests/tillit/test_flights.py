"""Single flight when something hangs: whatever never lands is given up, and nobody waits for what waits for it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.tillit.stub import StubAuthority
from tillit import AsyncTokenClient, ClientConfig, JwksSource, RetryPolicy, TokenClient, Unavailable
from tillit.flights import Flights
from tillit.forksafe import _AFTER_FORK

HURRIED = RetryPolicy(attempts=1, deadline=0.2, attempt_timeout=0.1)


class SlowSigner:
    """Signs as another does, after something that takes its time."""

    def __init__(self, signer: Any, first: Callable[[int], object]) -> None:
        self._signer, self._first = signer, first
        self.alg, self.thumbprint = signer.alg, signer.thumbprint
        self.released = threading.Event()
        self.signed = 0

    def header(self) -> Any:
        return self._signer.header()

    def sign(self, data: bytes) -> bytes:
        self.signed += 1
        self._first(self.signed)
        return bytes(self._signer.sign(data))


@pytest.fixture
def hanging(config: ClientConfig) -> Iterator[SlowSigner]:
    """One that hangs the first time."""
    signer = SlowSigner(config.signer, lambda number: number > 1 or signer.released.wait(30))
    yield signer
    signer.released.set()


def test_a_signer_that_hung_once_costs_one_wait(config: ClientConfig, hanging: SlowSigner) -> None:
    """The flight that waits for it is given up when it is overdue, and another gets the token."""
    client = TokenClient(replace(config, signer=hanging), retry=HURRIED)
    with pytest.raises(Unavailable):
        client.get("a:b")
    time.sleep(client._flights._longest)
    assert client.get("a:b").value
    assert hanging.signed == 2


def test_nor_does_it_on_an_event_loop(config: ClientConfig, hanging: SlowSigner) -> None:
    """There the attempt itself is bounded."""

    async def run() -> str:
        async with AsyncTokenClient(replace(config, signer=hanging), retry=HURRIED) as client:
            with pytest.raises(Unavailable, match="too long"):
                await client.get("a:b")
            value = (await client.get("a:b")).value
            hanging.released.set()
            return value

    assert asyncio.run(run())


def test_one_attempt_has_one_time(config: ClientConfig, authority: StubAuthority) -> None:
    """A signer that takes all of it leaves nothing for the request."""
    slow = SlowSigner(config.signer, lambda _: time.sleep(0.15))
    client = TokenClient(replace(config, signer=slow), retry=HURRIED)
    with pytest.raises(Unavailable, match="too long"):
        client.get("a:b")
    assert authority.hits.get("/token", 0) == 0


def test_threads_that_stay_behind_are_bounded() -> None:
    """Where everything hangs, at most nine threads wait for it, however often it is asked for."""
    flights: Flights[int] = Flights(longest=0.0)
    release = threading.Event()
    begun = []

    def hang() -> int:
        begun.append(1)
        release.wait(30)
        return 1

    futures = [flights.launch("key", hang) for _ in range(50)]
    deadline = time.monotonic() + 10
    while len(begun) < 9:
        assert time.monotonic() < deadline
    assert len(set(futures)) == len(begun) == 9
    release.set()
    assert {future.result(10).unwrap() for future in futures} == {1}
    while flights._adrift:
        assert time.monotonic() < deadline


def test_waiting_on_the_loop_that_fetches_does_not_deadlock(authority: StubAuthority) -> None:
    """A synchronous call on an event loop fetches by itself what a task of that loop is fetching."""
    source = JwksSource(f"{authority.url}/jwk")

    async def run() -> None:
        awaited = asyncio.create_task(source.akey("as-1", "ES256"))
        await asyncio.sleep(0)
        assert source._flights._flights
        assert source.key("as-1", "ES256") == authority.signing_key.public_key()
        await awaited

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_what_is_gone_is_not_called_after_a_fork() -> None:
    """A client leaves nothing behind that is kept for the next fork."""
    before = len(_AFTER_FORK._methods)
    kept = Flights[int]()
    assert len(_AFTER_FORK._methods) > before
    del kept
    gc.collect()
    assert len(_AFTER_FORK._methods) <= before
