"""Fair shares of slots and waiting places (P8): bounds hold, no lane starves, the first to come is the first to go."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from authserver.grants.lanes import Lane, Lanes, Shed, Ticket

NAMES = st.sampled_from("abcde")


class Shares(RuleBasedStateMachine):
    """Requests come, leave, give up and grow old in any order, beside a plain count of what should be."""

    @initialize(slots=st.integers(1, 6), places=st.integers(0, 8))
    def begin(self, slots: int, places: int) -> None:
        """Start with nobody."""
        self.slots, self.places = slots, places
        self.lanes = Lanes(slots, places)
        self.now = 0.0
        self.working: list[Lane] = []
        self.queues: defaultdict[object, list[Ticket]] = defaultdict(list)
        self.passed_over: dict[Ticket, set[object]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self.queues.values()))

    @rule(name=NAMES)
    def ask(self, name: str) -> None:
        """A request gets a slot, a ticket or a refusal, each exactly when the thresholds say so."""
        free = self.slots - len(self.working)
        held = sum(lane.name == name for lane in self.working)
        lane = self.lanes.enter(name)
        assert (lane is not None) == (held < free and not self.queues[name])
        if lane is not None:
            assert lane.name == name
            self.working.append(lane)
            return
        room, own = self.places - self.waiting, len(self.queues[name])
        ticket = self.lanes.queue(name, self.now)
        if own < room:
            assert isinstance(ticket, Ticket)
            self.queues[name].append(ticket)
            self.passed_over[ticket] = set()
        else:
            assert ticket is (Shed.SHARE if own else Shed.FULL)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """A slot given back goes to lanes in turn, within their share, and in each to whoever has waited longest."""
        lane = self.working.pop(data.draw(st.integers(0, len(self.working) - 1)))
        for ticket in self.lanes.leave(lane):
            name = ticket.lane.name
            assert self.queues[name].pop(0) is ticket
            assert sum(each.name == name for each in self.working) < self.slots - len(self.working)
            self.working.append(ticket.lane)
            self._pass_over(name)

    def _pass_over(self, name: object) -> None:
        """A lane with nothing under way is not passed over twice in favour of the same other lane."""
        busy = {lane.name for lane in self.working}
        for other, queue in self.queues.items():
            if queue and other != name and other not in busy:
                assert name not in self.passed_over[queue[0]]
                self.passed_over[queue[0]].add(name)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Whoever stops waiting makes room, from anywhere in their lane."""
        queue = data.draw(st.sampled_from([queue for queue in self.queues.values() if queue]))
        ticket = queue.pop(data.draw(st.integers(0, len(queue) - 1)))
        self.lanes.give_up(ticket)

    @rule(seconds=st.integers(0, 3), patience=st.integers(0, 4))
    def grow_old(self, seconds: int, patience: int) -> None:
        """Exactly those who have waited too long are let go."""
        self.now += seconds
        late = {ticket for queue in self.queues.values() for ticket in queue if ticket.since <= self.now - patience}
        assert set(self.lanes.expire(self.now - patience)) == late
        for name, queue in self.queues.items():
            self.queues[name] = [ticket for ticket in queue if ticket not in late]

    @invariant()
    def bounds_hold(self) -> None:
        """Slots and places are counted right and never exceeded, and only lanes with something in them are kept."""
        assert self.lanes.under_way == len(self.working) <= self.slots
        assert self.lanes.waiting == self.waiting <= self.places
        assert len(self.lanes) == len({lane.name for lane in self.working} | {n for n, q in self.queues.items() if q})

    @invariant()
    def nobody_waits_without_need(self) -> None:
        """No lane waits while it may hold another slot; so somebody is served as long as anybody waits."""
        free = self.slots - len(self.working)
        for name, queue in self.queues.items():
            assert not queue or sum(lane.name == name for lane in self.working) >= free


Shares.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestShares = Shares.TestCase


def test_without_a_slot_nothing_would_ever_be_done() -> None:
    """Bounds under which every request would wait for ever are refused at once."""
    with pytest.raises(ValueError, match="slot"):
        Lanes(slots=0, places=1)


def test_a_newcomer_finds_a_slot_beside_a_lane_that_takes_all_it_can() -> None:
    """However much one lane asks for, the next lane's request does not even wait."""
    lanes = Lanes(slots=32, places=256)
    while not isinstance(lanes.enter("noisy") or lanes.queue("noisy", 0.0), Shed):
        pass
    assert (lanes.under_way, lanes.waiting) == (16, 128)
    assert lanes.enter("quiet") is not None


def test_lanes_take_turns_whatever_their_length() -> None:
    """Ten requests wait in one lane and two in another: the shorter lane is done after its second turn."""
    lanes = Lanes(slots=1, places=100)
    working = lanes.enter("first")
    assert working is not None
    for name, count in (("long", 10), ("short", 2)):
        for _ in range(count):
            assert lanes.enter(name) is None
            assert isinstance(lanes.queue(name, 0.0), Ticket)
    served = []
    for _ in range(6):
        (ticket,) = lanes.leave(working)
        working = ticket.lane
        served.append(working.name)
    assert served == ["long", "short", "long", "short", "long", "long"]
