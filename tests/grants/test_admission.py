"""Admission over an event loop (P8): whose lane a request is in, who waits, and what becomes of those who do not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from authserver.grants.admission import Bounds, FairAdmission
from authserver.grants.lanes import Lane, Shed
from authserver.oauth import assertion, jose
from authserver.oauth.assertion import UnverifiedAssertion
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Fact, Ref
from tests.support.build import make_assertion, make_client, make_request
from tests.support.fakes import make_authority

pytestmark = pytest.mark.anyio

ONE = Bounds(slots=1, places=2, wait=60)


def unverified() -> UnverifiedAssertion:
    """An assertion of the registered client."""
    request = make_request(make_assertion())
    return assertion.peek(jose.read(request.assertion), request.kind)


def admission(bounds: Bounds) -> FairAdmission:
    """An admission that knows the one client."""
    client = make_client()
    known: dict[Ref, Fact] = {client.ref: client}
    return FairAdmission(known.get, bounds)


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def refusal(entering: asyncio.Task[Lane]) -> Refusal:
    """The refusal that a task ends with."""
    with pytest.raises(Refusal) as raised:
        await entering
    return raised.value


def stranger(known: UnverifiedAssertion, number: int) -> UnverifiedAssertion:
    """The same assertion in the name of a client that there is not."""
    return replace(known, issuer=f"nobody-{number}")


async def test_a_request_waits_for_its_turn_and_is_the_next() -> None:
    """With the only slot held the next request waits, and goes on when the slot is given back."""
    door, known = admission(ONE), unverified()
    lane = await door.enter(known)
    waiting = asyncio.create_task(door.enter(known))
    await settle()
    assert not waiting.done()
    assert (door.lanes.under_way, door.lanes.waiting) == (1, 1)
    door.leave(lane)
    door.leave(await waiting)
    assert (len(door.lanes), door.lanes.under_way, door.lanes.waiting) == (0, 0, 0)


async def test_more_than_the_share_of_a_lane_is_429() -> None:
    """A lane that fills its share of the places is told to come back later, and its client is not at fault for more."""
    door, known = admission(ONE), unverified()
    await door.enter(known)
    waiting = asyncio.create_task(door.enter(known))
    await settle()
    refused = await refusal(asyncio.create_task(door.enter(known)))
    assert (refused.status, refused.error, refused.reason) == (429, "temporarily_unavailable", Reason.CLIENT_BUSY)
    assert refused.retry_after
    assert door.shed == {Shed.SHARE: 1}
    waiting.cancel()


async def test_no_room_at_all_is_503() -> None:
    """When not even an empty lane finds a place, the whole authority is busy."""
    door = admission(Bounds(slots=1, places=0))
    await door.enter(unverified())
    refused = await refusal(asyncio.create_task(door.enter(unverified())))
    assert (refused.status, refused.error, refused.reason) == (503, "temporarily_unavailable", Reason.OVERLOADED)
    assert refused.retry_after


async def test_a_turn_that_does_not_come_is_503() -> None:
    """Whoever has waited for as long as anybody may is refused, and their place is free again."""
    door, known = admission(Bounds(slots=1, places=2, wait=0.01)), unverified()
    lane = await door.enter(known)
    refused = await refusal(asyncio.create_task(door.enter(known)))
    assert (refused.reason, refused.detail) == (Reason.OVERLOADED, "late")
    assert door.lanes.waiting == 0
    door.leave(lane)
    assert len(door.lanes) == 0


async def test_inventing_names_gains_nothing() -> None:
    """Clients that there are not, and keys that a client has not, share one lane; the client's own lane is its own."""
    door, known = admission(Bounds(slots=4, places=4, wait=60)), unverified()
    for number in range(2):
        await door.enter(stranger(known, number))
    waiting = [asyncio.create_task(door.enter(stranger(known, number))) for number in (2, 3)]
    await settle()
    assert (len(door.lanes), door.lanes.waiting) == (1, 2)
    refused = await refusal(asyncio.create_task(door.enter(replace(known, kid="unknown"))))
    assert refused.reason is Reason.CLIENT_BUSY
    assert (await door.enter(known)).under_way == 1
    for task in waiting:
        task.cancel()


async def test_a_deactivated_client_has_no_lane_of_its_own() -> None:
    """A registered client that is not active is a stranger."""
    client = make_client(active=False)
    known: dict[Ref, Fact] = {client.ref: client}
    door = FairAdmission(known.get, Bounds(slots=4))
    await door.enter(unverified())
    assert (await door.enter(stranger(unverified(), 1))).under_way == 2


async def test_whoever_leaves_the_queue_leaves_nothing_behind() -> None:
    """Cancelled while it waits, after its turn has come, or both at once: every slot and place is free in the end."""
    door, known = admission(ONE), unverified()
    lane = await door.enter(known)
    waiting = asyncio.create_task(door.enter(known))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert door.lanes.waiting == 0
    for cancel_first in (True, False):
        waiting = asyncio.create_task(door.enter(known))
        await settle()
        if cancel_first:
            waiting.cancel()
        door.leave(lane)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert (door.lanes.under_way, door.lanes.waiting, len(door.lanes)) == (0, 0, 0)
        lane = await door.enter(known)


async def test_whoever_leaves_just_as_it_is_too_late_leaves_nothing_behind() -> None:
    """A request that is cancelled in the moment its time is over disturbs nobody."""
    door, known = admission(Bounds(slots=1, places=2, wait=0)), unverified()
    lane = await door.enter(known)
    for cancel_first in (True, False):
        waiting = asyncio.create_task(door.enter(known))
        await asyncio.sleep(0)
        if cancel_first:
            asyncio.get_running_loop().call_soon(waiting.cancel)
        else:
            asyncio.get_running_loop().call_later(0, waiting.cancel)
        await asyncio.wait([waiting])
        assert door.lanes.waiting == 0
    door.leave(lane)
    assert len(door.lanes) == 0


async def test_refusals_are_held_back_to_their_rate_and_in_order() -> None:
    """Beyond what may be refused in one breath refusals wait, and beyond what may be held back they do not."""
    door, known = admission(Bounds(slots=1, places=0, refusals=1, held=3)), unverified()
    await door.enter(known)
    left: list[int] = []

    async def ask(number: int) -> None:
        with pytest.raises(Refusal):
            await door.enter(known)
        left.append(number)

    asked = [asyncio.create_task(ask(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert door.held_back == 3
    asked[2].cancel()
    await asyncio.wait(asked)
    assert left == [0, 4, 1, 3]
    assert (door.held_back, door.shed[Shed.FULL]) == (0, 4)


async def test_refusals_that_nobody_waits_for_any_more_take_nobody_elses_time() -> None:
    """When all who were held back have left, the next refusal leaves at once."""
    door, known = admission(Bounds(slots=1, places=0, refusals=1, held=3)), unverified()
    await door.enter(known)
    asked = [asyncio.create_task(door.enter(known)) for _ in range(3)]
    await settle()
    for task in asked[1:]:
        task.cancel()
    await asyncio.sleep(0.05)
    assert door.held_back == 0
    with pytest.raises(Refusal):
        await door.enter(known)
    assert isinstance(asked[0].exception(), Refusal)
    assert [task.cancelled() for task in asked] == [False, True, True]


async def test_a_shed_request_touches_nothing() -> None:
    """P8: no record is asked for, no signature is looked at, nothing is spent or recorded; the assertion stays good."""
    authority = make_authority()
    door = admission(Bounds(slots=1, places=0))
    exchange = replace(authority.exchange, admission=door)
    lane = await door.enter(unverified())
    request = make_request(make_assertion())
    with pytest.raises(Refusal) as raised:
        await exchange.token(request, "0" * 32)
    assert raised.value.reason is Reason.OVERLOADED
    assert authority.journal.steps == []
    door.leave(lane)
    assert (await exchange.token(request, "0" * 32))["token_type"] == "Bearer"
    assert len(door.lanes) == 0


async def test_a_refused_request_gives_its_slot_back() -> None:
    """However a request ends, its lane is empty after it."""
    authority = make_authority()
    door = admission(ONE)
    exchange = replace(authority.exchange, admission=door)
    for end in ("registry.facts", "decisions.commit"):
        authority.fail(end)
        with pytest.raises(Refusal):
            await exchange.token(make_request(make_assertion()), "0" * 32)
        assert len(door.lanes) == 0
