"""Admission to the expensive part of a token request: everything after the assertion has been read (P8).

While there is room, entering costs two look-ups. Beyond it, requests wait in the lane of the key that they claim to be
signed with, and lanes take turns; what a lane may not hold is refused before any signature is looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from authserver.grants.lanes import Lane, Lanes, Shed, Ticket
from authserver.oauth.assertion import UnverifiedAssertion
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Fact, Ref

_REASONS = {Shed.SHARE: Reason.CLIENT_BUSY, Shed.FULL: Reason.OVERLOADED, Shed.LATE: Reason.OVERLOADED}
_SWEEPS_A_WAIT = 8
# Seconds; those who are refused together are told to come back apart.
_RETRY_FIRST, _RETRY_SPREAD = 1, 3
# Seconds. A few refusals together cost far less than each alone.
_TICK = 0.02
_STRANGERS = "strangers"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be under way in one process, and how long it may take.

    `slots` requests are worked on at a time, `places` wait, each for at most `wait` seconds. Refusals for want of room
    leave at most `refusals` every 20 ms; beyond that each is held back until its time comes, `held` at once. Who asks
    again as soon as they are refused is so kept from spending the time of others; who obeys Retry-After loses nothing.
    """

    slots: int = 32
    places: int = 512
    wait: float = 1.0
    refusals: int = 5
    held: int = 2048


class FairAdmission:
    """Fills the port Admission. `held` returns what the node remembers of a record, without waiting for it.

    A lane is a registered key of a client. Whoever names a client or a key that the node does not know shares one lane
    with everybody like that, so that inventing names gains nothing. Belongs to one event loop.
    """

    def __init__(self, held: Callable[[Ref], Fact], bounds: Bounds) -> None:
        self.lanes = Lanes(bounds.slots, bounds.places)
        self.shed: Counter[Shed] = Counter()
        self._held_record = held
        self._bounds = bounds
        self._turns: dict[Ticket, asyncio.Future[None]] = {}
        self._sweeping = False
        self._held_back: deque[asyncio.Future[None]] = deque()
        self._allowance = bounds.refusals

    @property
    def held_back(self) -> int:
        """How many refusals wait for their time."""
        return len(self._held_back)

    async def enter(self, unverified: UnverifiedAssertion) -> Lane:
        """Return the lane in which a slot is now held, to be given back by `leave`.

        Raises Refusal CLIENT_BUSY (429) for more than the lane's share, OVERLOADED (503) when there is no room or the
        turn did not come in time; both with Retry-After.
        """
        name = self._lane_of(unverified)
        lane = self.lanes.enter(name)
        if lane is not None:
            return lane
        ticket = self.lanes.queue(name, asyncio.get_running_loop().time())
        if isinstance(ticket, Ticket):
            return await self._turn(ticket)
        await self._hold_back()
        raise self._refusal(ticket)

    def leave(self, lane: Lane) -> None:
        """Give the slot back."""
        for ticket in self.lanes.leave(lane):
            turn = self._turns.pop(ticket)
            if turn.cancelled():
                # Whoever waited is gone, and has not woken up to say so.
                self.leave(ticket.lane)
            else:
                turn.set_result(None)

    def _lane_of(self, unverified: UnverifiedAssertion) -> Hashable:
        client = self._held_record(Ref("client", unverified.issuer))
        if isinstance(client, Client) and client.active and unverified.kid in client.keys:
            return unverified.issuer, unverified.kid
        return _STRANGERS

    async def _turn(self, ticket: Ticket) -> Lane:
        turn = self._turns[ticket] = asyncio.get_running_loop().create_future()
        self._sweep_later()
        try:
            await turn
        except asyncio.CancelledError:
            if self._turns.pop(ticket, None) is not None:
                self.lanes.give_up(ticket)
            elif not turn.cancelled() and turn.exception() is None:
                self.leave(ticket.lane)
            raise
        return ticket.lane

    def _sweep_later(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self._bounds.wait / _SWEEPS_A_WAIT, self._sweep)

    def _sweep(self) -> None:
        """Refuse those whose turn did not come; they have waited, so their refusals are not held back."""
        self._sweeping = False
        for ticket in self.lanes.expire(asyncio.get_running_loop().time() - self._bounds.wait):
            turn = self._turns.pop(ticket)
            if not turn.cancelled():
                turn.set_exception(self._refusal(Shed.LATE))
        if self.lanes.waiting:
            self._sweep_later()

    async def _hold_back(self) -> None:
        """Keep refusals to their rate; those who are held back go in order."""
        loop = asyncio.get_running_loop()
        if self._allowance == self._bounds.refusals:
            loop.call_later(_TICK, self._tick)
        if self._allowance:
            self._allowance -= 1
        elif len(self._held_back) < self._bounds.held:
            self._held_back.append(loop.create_future())
            await self._held_back[-1]

    def _tick(self) -> None:
        """Allow the next refusals, to those first who are held back."""
        self._allowance = self._bounds.refusals
        while self._held_back and self._allowance:
            refused = self._held_back.popleft()
            if not refused.cancelled():
                refused.set_result(None)
                self._allowance -= 1
        if self._allowance < self._bounds.refusals:
            asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _refusal(self, shed: Shed) -> Refusal:
        self.shed[shed] += 1
        retry_after = _RETRY_FIRST + self.shed.total() % _RETRY_SPREAD
        return Refusal(_REASONS[shed], detail=shed.value, retry_after=retry_after)
