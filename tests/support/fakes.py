"""The ports of a token request in memory: honest parts that keep their promises, and can be told to fail.

Every call is written into one journal, so that a test can read the order of steps. `at(step, action)` runs an action,
such as a change of policy or a failure, just before that step does its work. Each call gives way once before it works,
so that a test can interleave several requests; the work itself is one atomic moment, as in a database. The moments
`single_use.spent` and `decisions.committed` lie behind that work: a failure there is an answer lost on the way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, field
from itertools import count
from types import coroutine
from typing import Any

from authserver.grants.admission import Bounds, FairAdmission
from authserver.grants.exchange import Exchange
from authserver.grants.judgement import Judge
from authserver.grants.ports import SignedToken, Spending, Spent, Unavailable
from authserver.oauth.decision import Decision
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Delegation, Fact, Facts, Record, Ref
from authserver.oauth.request import TokenRequest
from tests.support import build

TRACE_ID = "0123456789abcdef0123456789abcdef"


@coroutine
def pause() -> Generator[None, None, None]:
    """Give way once to whoever drives this coroutine, an event loop or a test."""
    yield


@dataclass
class Journal:
    """What was called, in order, and what happens just before a step."""

    steps: list[str] = field(default_factory=list)
    actions: defaultdict[str, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, step: str) -> None:
        """Write a step down, then let happen what was planned for it, once."""
        self.steps.append(step)
        self.happen(step)

    def happen(self, step: str) -> None:
        """Let happen what was planned for this moment, once."""
        for action in self.actions.pop(step, []):
            action()


@dataclass
class Truth:
    """The shared store of the registry: records, the policy epoch, and which change made which epoch."""

    facts: dict[Ref, Fact] = field(default_factory=dict)
    log: list[Ref] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The number of changes so far."""
        return len(self.log)

    def put(self, record: Record) -> None:
        """Insert or replace a record and make a new epoch."""
        self.set(record.ref, (record,) if isinstance(record, Delegation) else record)

    def set(self, ref: Ref, fact: Fact) -> None:
        """Give a name a new fact and make a new epoch."""
        self.facts[ref] = fact
        self.log.append(ref)

    def remove(self, ref: Ref) -> None:
        """Make a record absent and make a new epoch."""
        self.set(ref, None)


class Snapshot:
    """One node's view: loads what it lacks, keeps it, and drops what changed only when told to follow."""

    def __init__(self, truth: Truth, journal: Journal) -> None:
        self._truth = truth
        self._journal = journal
        self._known: dict[Ref, Fact] = {}
        self._epoch = truth.epoch

    @property
    def epoch(self) -> int:
        return self._epoch

    async def facts(self, refs: Collection[Ref]) -> Facts:
        await pause()
        self._journal.note("registry.facts")
        for ref in refs:
            if ref not in self._known:
                self._known[ref] = self._truth.facts.get(ref)
        return {ref: self._known[ref] for ref in refs}

    async def follow(self, epoch: int) -> None:
        await pause()
        self._journal.note("registry.follow")
        if epoch > self._truth.epoch:
            raise AssertionError("told to follow to an epoch that was never made")
        for ref in self._truth.log[self._epoch :]:
            self._known.pop(ref, None)
        self._epoch = self._truth.epoch

    async def latest(self) -> int:
        await pause()
        self._journal.note("registry.latest")
        return self._truth.epoch


class Memory:
    """Single use: the first spender wins, and learns the epoch in the same moment."""

    def __init__(self, truth: Truth, journal: Journal) -> None:
        self._truth = truth
        self._journal = journal
        self.spent: dict[tuple[str, str], int] = {}

    async def spend(self, spending: Spending, now: int) -> Spent:
        await pause()
        self._journal.note("single_use.spend")
        name = spending.issuer, spending.assertion_id
        first = self.spent.get(name, 0) <= now
        if first:
            self.spent[name] = spending.remember_until
        self._journal.happen("single_use.spent")
        return Spent(first, self._truth.epoch)

    async def release(self, spending: Spending) -> None:
        await pause()
        self._journal.note("single_use.release")
        self.spent.pop((spending.issuer, spending.assertion_id), None)


class Pen:
    """A signer that keeps what it signed. Its tokens are read by tests alone, so they carry no signature."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.signed: list[tuple[dict[str, Any], str, str]] = []

    async def sign(self, claims: dict[str, Any], *, alg: str, typ: str) -> SignedToken:
        await pause()
        self._journal.note("signer.sign")
        self.signed.append((claims, alg, typ))
        parts = (json.dumps(part).encode() for part in ({"alg": alg, "typ": typ}, claims))
        return SignedToken(".".join(map(build.b64, parts)) + ".c2ln", f"our-{alg}")


class Ledger:
    """The durable record of decisions. With `last_word` it refuses a second token for an assertion it knows."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.committed: list[Decision] = []
        self.last_word = False

    async def commit(self, decision: Decision) -> None:
        await pause()
        self._journal.note("decisions.commit")
        if self.last_word and self._knows(decision):
            raise Refusal(Reason.REPLAYED)
        self.committed.append(decision)
        self._journal.happen("decisions.committed")

    def _knows(self, decision: Decision) -> bool:
        """Tell whether a token stands here for the assertion of a decision that would issue another."""
        issued = {(each.client_id, each.assertion_id) for each in self.committed if each.outcome == "issued"}
        return decision.outcome == "issued" and (decision.client_id, decision.assertion_id) in issued


@dataclass
class Authority:
    """An exchange over parts in memory."""

    truth: Truth
    journal: Journal
    snapshot: Snapshot
    memory: Memory
    pen: Pen
    record: Ledger
    exchange: Exchange

    def at(self, step: str, action: Callable[[], None]) -> None:
        """Let an action happen just before a step, the next time it is taken."""
        self.journal.actions[step].append(action)

    def fail(self, step: str, *, certain: bool = True) -> None:
        """Let a step fail as an unavailable part does."""
        self.at(step, unavailable(step, certain=certain))

    async def token(self, request: TokenRequest) -> dict[str, Any]:
        """Ask for a token."""
        return await self.exchange.token(request, TRACE_ID)


def unavailable(part: str, *, certain: bool = True) -> Callable[[], None]:
    """Make an action that fails."""

    def action() -> None:
        raise Unavailable(part, certain=certain)

    return action


def make_authority(
    *records: Record, profile: str = "standard", now: int = build.NOW, facts: Iterable[tuple[Ref, Fact]] = ()
) -> Authority:
    """Make an authority whose registry holds the right policy of `build.policy` with these records beside it."""
    truth = Truth(build.policy(*(records or (build.make_client(),))) | dict(facts))
    journal = Journal()
    snapshot, memory = Snapshot(truth, journal), Memory(truth, journal)
    pen, record = Pen(journal), Ledger(journal)
    numbers = count(1)
    exchange = Exchange(
        issuer=build.ISSUER,
        node="node-1",
        admission=FairAdmission(truth.facts.get, Bounds()),
        judge=Judge(snapshot, build.ISSUER, profile),
        registry=snapshot,
        single_use=memory,
        signer=pen,
        decisions=record,
        clock=lambda: now,
        new_id=lambda: f"token-{next(numbers)}",
    )
    return Authority(truth, journal, snapshot, memory, pen, record, exchange)
