"""Who may go on at once, who waits for a turn, and who is turned away. Pure: it keeps count, time is an argument.

Everyone who asks comes in a lane. A lane may hold fewer slots than are still free, and fewer waiting places than are
still free (a dynamic threshold). So one busy lane gets half of everything, two get a third each, and something is
always left for a lane that asks for the first time. Lanes take turns, one request a turn; within a lane the first to
come is the first to go.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum


class Shed(Enum):
    """Why a request is turned away."""

    SHARE = "share"
    """Its lane already fills the share of the waiting places that it may have."""
    FULL = "full"
    """There is no place left, not even for a lane with nothing in it."""
    LATE = "late"
    """Its turn did not come in time."""


@dataclass(eq=False, slots=True)
class Lane:
    """One party's requests: how many hold a slot, and those that wait, the oldest first."""

    name: Hashable
    under_way: int = 0
    waiting: deque[Ticket] = field(default_factory=deque)


@dataclass(eq=False, slots=True)
class Ticket:
    """A request that waits since `since` (seconds, of whatever clock the caller goes by)."""

    lane: Lane
    since: float


class Lanes:
    """Shares `slots` slots and `places` waiting places between lanes. A lane is forgotten when nothing is in it.

    No lane that may hold another slot ever waits: whatever changes the count hands out every turn that it makes due.
    """

    def __init__(self, slots: int, places: int) -> None:
        if slots < 1 or places < 0:
            raise ValueError("without a slot nothing is ever done")
        self._slots = self._free = slots
        self._most_waiting = self._places = places
        self._lanes: dict[Hashable, Lane] = {}
        self._turns: OrderedDict[Hashable, Lane] = OrderedDict()

    def __len__(self) -> int:
        """How many lanes have anything in them."""
        return len(self._lanes)

    @property
    def under_way(self) -> int:
        """How many slots are held."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._most_waiting - self._places

    def enter(self, name: Hashable) -> Lane | None:
        """Take a slot in the lane of this name, to be given back by `leave`; None if that must be waited for."""
        lane = self._lanes.get(name)
        if lane is None:
            if not self._free:
                return None
            lane = self._lanes[name] = Lane(name)
        elif lane.waiting or lane.under_way >= self._free:
            return None
        lane.under_way += 1
        self._free -= 1
        return lane

    def queue(self, name: Hashable, now: float) -> Ticket | Shed:
        """Wait in the lane that `enter` has just refused: a ticket, or why there is none."""
        lane = self._lanes.get(name) or Lane(name)
        if len(lane.waiting) >= self._places:
            return Shed.SHARE if lane.waiting else Shed.FULL
        ticket = Ticket(lane, now)
        lane.waiting.append(ticket)
        self._places -= 1
        self._lanes[name] = self._turns[name] = lane
        return ticket

    def leave(self, lane: Lane) -> list[Ticket]:
        """Give a slot of this lane back; return the tickets whose turn that makes, each now holding a slot."""
        lane.under_way -= 1
        self._free += 1
        granted: list[Ticket] = []
        while (due := self._due()) is not None:
            due.under_way += 1
            self._free -= 1
            granted.append(self._take(due))
            if due.waiting:
                self._turns.move_to_end(due.name)
        self._forget(lane)
        return granted

    def give_up(self, ticket: Ticket) -> None:
        """Let a ticket go that still waits; its place is free again."""
        ticket.lane.waiting.remove(ticket)
        self._vacate(ticket.lane)

    def expire(self, since: float) -> list[Ticket]:
        """Let every ticket go that has waited since then or longer; return them."""
        late: list[Ticket] = []
        for lane in list(self._turns.values()):
            while lane.waiting and lane.waiting[0].since <= since:
                late.append(self._take(lane))
        return late

    def _due(self) -> Lane | None:
        """The next lane in turn that may hold another slot. Passes over no more lanes than hold a slot now."""
        if not self._free:
            return None
        return next((lane for lane in self._turns.values() if lane.under_way < self._free), None)

    def _take(self, lane: Lane) -> Ticket:
        ticket = lane.waiting.popleft()
        self._vacate(lane)
        return ticket

    def _vacate(self, lane: Lane) -> None:
        self._places += 1
        if not lane.waiting:
            del self._turns[lane.name]
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        if not (lane.under_way or lane.waiting):
            self._lanes.pop(lane.name, None)
