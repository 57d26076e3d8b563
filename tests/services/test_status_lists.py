"""Status lists as a node publishes them: fresh enough, and never made for everyone who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from authserver.oauth import exercises, status_list
from authserver.services.status_lists import LIFE, PAUSE, TTL, StatusLists

pytestmark = pytest.mark.anyio
ISSUER = "https://authority.example/"


class World:
    """A registry, a clock, and a count of what was asked of each."""

    def __init__(self) -> None:
        self.now, self.epoch, self.lists = 1_000, 1, 1
        self.out: dict[int, int] = {}
        self.read = self.signed = 0
        self.claims: dict[str, Any] = {}
        self.published = StatusLists(ISSUER, self, self.sign, lambda: self.epoch, lambda: self.now)

    async def statuses(self, number: int) -> tuple[int, Mapping[int, int]] | None:
        """Read what is out of force."""
        self.read += 1
        await asyncio.sleep(0)
        return (self.epoch, dict(self.out)) if number < self.lists else None

    async def sign(self, claims: dict[str, Any], typ: str) -> str:
        """Sign by number."""
        assert typ == "statuslist+jwt"
        self.signed += 1
        self.claims = claims
        return f"list {self.signed}"

    async def status(self, index: int) -> int:
        """Ask for the first list and look there."""
        assert await self.published.current(0) is not None
        return status_list.decode(2, self.claims["status_list"]["lst"]).status(index)


async def test_a_thousand_who_ask_at_once_cost_one_list() -> None:
    """However many ask, the registry is read once and one list is signed; all get the same bytes."""
    world = World()
    found = await asyncio.gather(*(world.published.current(0) for _ in range(1_000)))
    assert {(one.body, one.etag) for one in found if one} == {(b"list 1", found[0].etag if found[0] else "")}
    assert (world.read, world.signed) == (1, 1)


async def test_a_change_shows_after_a_pause() -> None:
    """A new epoch makes a new list, but not before the pause since the last one is over."""
    world = World()
    assert await world.status(7) == status_list.VALID
    world.epoch, world.out = 2, {7: status_list.INVALID}
    world.now += PAUSE - 1
    assert await world.status(7) == status_list.VALID
    world.now += 1
    assert await world.status(7) == status_list.INVALID
    assert world.signed == 2


async def test_an_unchanged_list_is_signed_again_in_time() -> None:
    """Without a change the list is renewed when half its ttl is over, so that nobody is handed an old one."""
    world = World()
    await world.published.current(0)
    assert (world.claims["ttl"], world.claims["exp"] - world.claims["iat"]) == (TTL, LIFE)
    world.now += TTL // 2 - 1
    await world.published.current(0)
    assert world.signed == 1
    world.now += 1
    await world.published.current(0)
    assert (world.signed, world.claims["iat"]) == (2, world.now)


async def test_guessing_numbers_costs_one_look() -> None:
    """A list that is not there, and any above it, is looked for once in a pause; a new one is then found."""
    world = World()
    assert [await world.published.current(number) for number in (1, 1, 2, 999_998)] == [None] * 4
    assert world.read == 1
    world.lists = 2
    world.now += PAUSE
    assert await world.published.current(1) is not None


async def test_the_list_of_the_exercises_is_always_there() -> None:
    """It says what the wrong tokens of the gym need said, reads no registry, and guesses below it do not hide it."""
    world = World()
    assert await world.published.current(1) is None
    assert await world.published.current(exercises.STATUS_LIST) is not None
    listed = status_list.decode(2, world.claims["status_list"]["lst"])
    assert [listed.status(index) for index in range(4)] == [0, status_list.INVALID, status_list.SUSPENDED, 0]
    assert world.claims["sub"] == f"{ISSUER}status-lists/{exercises.STATUS_LIST}"
    assert world.read == 1
