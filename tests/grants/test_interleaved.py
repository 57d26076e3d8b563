"""P1 to P4 while requests, changes of policy and failures interleave in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from authserver.oauth.decision import Decision
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Fact, Organisation, Record, Ref, ScopeAccess
from tests.support.build import (
    CONSUMER,
    SCOPE,
    SUPPLIER,
    client_key,
    key,
    make_assertion,
    make_client,
    make_delegation,
    make_request,
    make_scope,
)
from tests.support.fakes import Authority, make_authority

ON: dict[str, Record] = {
    "organisation": Organisation(CONSUMER, ""),
    "scope": make_scope(),
    "access": ScopeAccess(SCOPE, CONSUMER, "APPROVED"),
    "delegation": make_delegation(),
    "client": make_client(orgno=SUPPLIER),
}
OFF: dict[str, Record] = {
    "organisation": Organisation(CONSUMER, "", active=False),
    "scope": make_scope(active=False),
    "access": ScopeAccess(SCOPE, CONSUMER, "DENIED"),
    "delegation": make_delegation(status="revoked"),
    "client": make_client(orgno=SUPPLIER, keys={key().kid: client_key(active=False)}),
}
JTIS = ("one", "two", "three")
REQUESTS = {jti: make_request(make_assertion(in_claims={"jti": jti, "consumer_org": CONSUMER})) for jti in JTIS}
STEPS = ("registry.facts", "registry.follow", "registry.latest", "single_use.spend", "signer.sign", "decisions.commit")


@dataclass
class Flight:
    """A request under way: which assertion it carries, and the policy epoch when it began."""

    jti: str
    began: int
    steps: Coroutine[Any, Any, dict[str, Any]]
    spent: int | None = None


class Interleaved(RuleBasedStateMachine):
    """Requests in flight over one registry that changes and parts that fail, one step at a time."""

    authority: Authority

    def __init__(self) -> None:
        super().__init__()
        self.flights: list[Flight] = []
        self.history: list[dict[Ref, Fact]] = []
        self.tokens: Counter[str] = Counter()

    @initialize(last_word=st.booleans())
    def start(self, last_word: bool) -> None:
        self.authority = make_authority(*ON.values())
        self.authority.record.last_word = last_word
        self.history = [dict(self.authority.truth.facts)]

    @rule(jti=st.sampled_from(JTIS))
    def ask(self, jti: str) -> None:
        """A client sends an assertion, perhaps one that it has sent before."""
        steps = self.authority.token(REQUESTS[jti])
        self.flights.append(Flight(jti, self.authority.truth.epoch, steps))

    @rule(name=st.sampled_from(sorted(ON)), on=st.booleans())
    def change(self, name: str, on: bool) -> None:
        """Somebody grants or revokes something."""
        self.authority.truth.put((ON if on else OFF)[name])
        self.history.append(dict(self.authority.truth.facts))

    @rule(step=st.sampled_from(STEPS), certain=st.booleans())
    def break_down(self, step: str, certain: bool) -> None:
        """A part fails the next time it is asked."""
        self.authority.journal.actions.pop(step, None)
        self.authority.fail(step, certain=certain)

    @rule(moment=st.sampled_from(["single_use.spent", "decisions.committed"]))
    def lose_the_answer(self, moment: str) -> None:
        """A part does its work the next time, but its answer is lost on the way."""
        self.authority.journal.actions.pop(moment, None)
        self.authority.fail(moment, certain=False)

    @precondition(lambda self: self.authority.record.last_word)
    @rule()
    def forget(self) -> None:
        """The memory of assertions is lost; the record, which has the last word, is not."""
        self.authority.memory.spent.clear()

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), count=st.integers(1, 8))
    def advance(self, data: st.DataObject, count: int) -> None:
        """One of the requests under way takes a few steps."""
        flight = data.draw(st.sampled_from(self.flights))
        for _ in range(count):
            before = len(self.authority.journal.steps)
            try:
                flight.steps.send(None)
            except StopIteration as done:
                self._answered(flight, done.value)
                return
            except Refusal as refusal:
                self._refused(flight, refusal)
                return
            finally:
                self._watch(flight, self.authority.journal.steps[before:])

    def _watch(self, flight: Flight, steps: list[str]) -> None:
        if "single_use.spend" in steps and flight.spent is None:
            flight.spent = self.authority.truth.epoch

    def _refused(self, flight: Flight, refusal: Refusal) -> None:
        self.flights.remove(flight)
        if refusal.reason is Reason.REPLAYED:
            assert flight.spent is not None
        if refusal.reason not in (Reason.UNAVAILABLE, Reason.REPLAYED):
            off = any(self._ever_off(name, flight.began) for name in ON)
            assert off, "refused though nothing was ever off since the request began"

    def _answered(self, flight: Flight, body: dict[str, Any]) -> None:
        self.flights.remove(flight)
        self.tokens[flight.jti] += 1
        decision = self._decision(body["access_token"])
        assert flight.spent is not None
        assert decision.epoch >= flight.spent, "decided under a policy older than the one at spending"
        for name in ON:
            assert self._ever_on(name, flight.spent), f"{name} was off ever since the assertion was spent"

    def _decision(self, token: str) -> Decision:
        digest = sha256(token.encode()).hexdigest()
        (decision,) = (each for each in self.authority.record.committed if each.token_sha256 == digest)
        return decision

    def _states(self, name: str, since: int) -> list[Fact]:
        return [facts[ON[name].ref] for facts in self.history[since:]]

    def _ever_on(self, name: str, since: int) -> bool:
        return any(_unwrapped(fact) == ON[name] for fact in self._states(name, since))

    def _ever_off(self, name: str, since: int) -> bool:
        return any(_unwrapped(fact) == OFF[name] for fact in self._states(name, since))

    @invariant()
    def one_token_for_one_assertion(self) -> None:
        """P1: whatever happened, no assertion has two tokens."""
        assert all(count <= 1 for count in self.tokens.values())

    def teardown(self) -> None:
        for flight in self.flights:
            flight.steps.close()


def _unwrapped(fact: Fact) -> Fact | Record:
    return fact[0] if isinstance(fact, tuple) else fact


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
