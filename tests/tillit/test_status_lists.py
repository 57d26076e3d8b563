"""Status lists under bad conditions: clocks that differ, an authority that is away, answers that are too much."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.support.loopback import Answered, Asked, serving
from tests.tillit.by_hand import b64, compact
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import JwksSource, StatusLists, StatusReference, StatusUnavailable

Serve = Callable[[httpx2.Request], httpx2.Response]


class Lists:
    """The lists of an authority whose answers a test makes."""

    def __init__(self, authority: StubAuthority, clock: ManualClock) -> None:
        self.asked = 0
        self.answer: Serve = lambda _: httpx2.Response(503)
        transport = httpx2.MockTransport(self._serve)
        self.lists = StatusLists(
            authority.issuer,
            JwksSource.for_issuer(authority.issuer, clock=clock),
            http=httpx2.Client(transport=transport),
            async_http=httpx2.AsyncClient(transport=transport),
            clock=clock,
        )
        self.reference = StatusReference(f"{authority.issuer}status/1", 0)
        self._authority, self._clock = authority, clock

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        return self.answer(request)

    def signed(self, packed: bytes = b"\0", **changes: Any) -> httpx2.Response:
        """A list as the authority's server sends it now."""
        now = int(self._clock.time())
        claims = {"iss": self._authority.issuer, "sub": self.reference.uri, "iat": now, "exp": now + 3600, "ttl": 60}
        claims |= {"status_list": {"bits": 1, "lst": b64(zlib.compress(packed, 9))}, **changes}
        header = {"alg": "ES256", "kid": "as-1", "typ": "statuslist+jwt"}
        return httpx2.Response(200, text=compact(self._authority.signing_key, "ES256", header, claims))

    def look(self) -> str:
        """The status, by its name, or `unavailable`."""
        try:
            return self.lists.status(self.reference).name
        except StatusUnavailable:
            return "unavailable"

    def alook(self) -> str:
        """The same, awaited."""
        try:
            return asyncio.run(self.lists.astatus(self.reference)).name
        except StatusUnavailable:
            return "unavailable"


@pytest.fixture
def found(authority: StubAuthority, clock: ManualClock) -> Lists:
    return Lists(authority, clock)


def test_a_clock_that_is_behind_keeps_lists_all_the_same(found: Lists, clock: ManualClock) -> None:
    """A list issued seconds from now is asked for once a `ttl`, not with each request; minutes from now is too far."""
    found.answer = lambda _: found.signed(iat=int(clock.time()) + 3)
    assert [found.look(), found.alook(), found.look()] == ["VALID"] * 3
    assert found.asked == 1
    clock.advance(60)
    found.answer = lambda _: found.signed(iat=int(clock.time()) + 11)
    assert found.look() == "unavailable"


@pytest.mark.parametrize("looked", [Lists.look, Lists.alook])
def test_an_authority_that_is_away_holds_up_one_request_and_not_all(
    found: Lists, clock: ManualClock, looked: Callable[[Lists], str]
) -> None:
    """Without a list each request is refused, but the authority is asked once a cooldown, until it answers."""
    assert [looked(found) for _ in range(3)] == ["unavailable"] * 3
    assert found.asked == 1
    clock.advance(5)
    found.answer = lambda _: found.signed()
    assert looked(found) == "VALID"
    assert found.asked == 2


def test_a_list_that_ends_is_not_believed_although_it_is_fresh(found: Lists, clock: ManualClock) -> None:
    """`exp` wins over `ttl`."""
    found.answer = lambda _: found.signed(exp=int(clock.time()) + 30)
    assert found.look() == "VALID"
    clock.advance(30)
    found.answer = lambda _: found.signed(b"\1")
    assert found.look() == "INVALID"


@pytest.mark.parametrize("how", ["inflated", "long", "followed by more", "cut off"])
def test_lists_that_are_too_much_are_not_read(found: Lists, how: str) -> None:
    """Neither a small text that inflates beyond 1 MiB, nor a long one, nor one with a tail."""
    good = zlib.compress(b"\0")
    lst = {
        "inflated": zlib.compress(bytes(1 << 20) + b"\0", 9),
        "long": bytes(1 << 20),
        "followed by more": good + b"\0",
        "cut off": good[:-1],
    }[how]
    found.answer = lambda _: found.signed(status_list={"bits": 1, "lst": b64(lst)})
    assert found.look() == "unavailable"


def test_nothing_is_asked_of_another_host(authority: StubAuthority, found: Lists) -> None:
    """Neither by the address in a token nor by a redirect."""
    seen: list[Asked] = []

    def answer(asked: Asked) -> Answered:
        seen.append(asked)
        return Answered()

    with serving(answer) as elsewhere:
        found.reference = StatusReference(f"{elsewhere}status/1", 0)
        assert found.look() == "unavailable"
        assert found.asked == 0
        found.reference = StatusReference(f"{authority.issuer}status/1", 0)
        found.answer = lambda _: httpx2.Response(302, headers={"Location": elsewhere})
        assert found.look() == "unavailable"
    assert seen == []
