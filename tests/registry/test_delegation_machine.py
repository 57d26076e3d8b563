"""The life of delegations against a plain table of who may do what, over random histories."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Delegation
from authserver.registry import delegation_decisions as decisions
from authserver.registry import delegation_ending as ending
from authserver.registry import delegations, organisations, prefixes, redelegation, scopes
from authserver.registry.delegations import NewDelegation
from authserver.registry.ports import Actor
from authserver.storage.database import open_database
from authserver.storage.registry_store import SqlRegistryStore
from tests.registry.conftest import CONSUMER, ISSUER, NOW, OPERATOR, OWNER, SUPPLIER, acting, scope

OTHER_OWNER, SECOND, THIRD = "974760673", "991825827", "914782007"
PARTIES = (OWNER, OTHER_OWNER, CONSUMER, SUPPLIER, SECOND, THIRD)
DAY = 24 * 3600
# By scope: its owner, whether that must consent, the longest life, who may be a supplier, how often it is handed on.
TERMS: dict[str, tuple[str, bool, int, tuple[str, ...], int]] = {
    "nav:read": (OWNER, False, 0, (), 3),
    "nav:sign": (OWNER, True, 100 * DAY, (), 2),
    "tax:list": (OTHER_OWNER, False, 0, (SUPPLIER, SECOND), 1),
}
OPERATING = "operator"
actors = st.sampled_from((*PARTIES, OPERATING))
parties = st.sampled_from(PARTIES)
named = st.sets(st.sampled_from(sorted(TERMS)), min_size=1)
lives = st.sampled_from((10 * DAY, 90 * DAY, 300 * DAY))


@dataclass
class Expected:
    """One delegation as the table has it."""

    consumer: str
    supplier: str
    scopes: frozenset[str]
    end: int
    status: str
    awaits: set[str] = field(default_factory=set)
    held_by: set[str] = field(default_factory=set)
    parent: str | None = None

    @property
    def owners(self) -> set[str]:
        """Who owns what it names."""
        return {TERMS[name][0] for name in self.scopes}


class Life(RuleBasedStateMachine):
    """Does what the use-cases do, beside a table of what should become of it."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "registry.db"
        shutil.copy(self.template, path)
        self.database = open_database(f"sqlite+aiosqlite:///{path}")
        self.store = SqlRegistryStore(self.database)
        self.now = NOW
        self.ids = (f"d{number:04}" for number in itertools.count(1))
        self.table: dict[str, Expected] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.database.close())
        self.loop.close()
        self.directory.cleanup()

    # What is made.

    @rule(by=actors, consumer=parties, supplier=parties, names=named, life=lives, propose=st.booleans())
    def give_or_propose(
        self, by: str, consumer: str, supplier: str, names: set[str], life: int, *, propose: bool
    ) -> None:
        """A consumer gives, or either side proposes."""
        new = NewDelegation(consumer, supplier, sorted(names), self.now + life)
        make = delegations.propose if propose else delegations.add
        made = self.do(lambda: make(self.store, actor(by), self.now, new=new, issuer=ISSUER, new_id=self.next_id))
        wanted = Expected(consumer, supplier, frozenset(names), self.now + life, "proposed")
        may = by in ({OPERATING, consumer, supplier} if propose else {OPERATING, consumer})
        allowed = may and consumer != supplier and self.terms_allow(wanted, 0, life) and not self.overlaps(wanted, None)
        assert isinstance(made, Delegation) is allowed, made
        if isinstance(made, Delegation):
            asked = {TERMS[name][0] for name in names if TERMS[name][1]} - {by}
            wanted.awaits = asked | {consumer} if propose else asked - {consumer}
            wanted.status = "proposed" if wanted.awaits else "active"
            self.table[made.id] = wanted

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors, supplier=parties, names=st.sets(st.sampled_from(sorted(TERMS))), life=lives)
    def hand_on(self, data: st.DataObject, by: str, supplier: str, names: set[str], life: int) -> None:
        """A supplier hands on what it holds."""
        parent_id, parent = self.pick(data)
        new = redelegation.NewHop(parent_id, supplier, sorted(names), self.now + life)
        made = self.do(
            lambda: redelegation.redelegate(
                self.store, actor(by), self.now, new=new, issuer=ISSUER, new_id=self.next_id
            )
        )
        chain = self.chain(parent_id)
        wanted = Expected(parent.consumer, supplier, frozenset(names) or parent.scopes, self.now + life, "proposed")
        wanted.parent = parent_id
        allowed = (
            by in (OPERATING, parent.supplier)
            and wanted.scopes <= parent.scopes
            and all(one.status == "active" and self.now < one.end for one in chain)
            and supplier not in {parent.consumer, *(one.supplier for one in chain)}
            and wanted.end <= parent.end
            and self.terms_allow(wanted, len(chain), life)
            and not self.overlaps(wanted, None)
        )
        assert isinstance(made, Delegation) is allowed, made
        if isinstance(made, Delegation):
            wanted.awaits = {TERMS[name][0] for name in wanted.scopes if TERMS[name][1]} - {by}
            wanted.status = "proposed" if wanted.awaits else "active"
            self.table[made.id] = wanted

    # What becomes of it.

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def accept(self, data: st.DataObject, by: str) -> None:
        """The consumer alone agrees for itself."""
        name, one = self.pick(data)
        done = self.step(decisions.accept, name, by)
        waits = one.parent is None and one.consumer in one.awaits
        left = one.awaits - {one.consumer}
        fit = one.status == "proposed" if waits else one.status in ("proposed", "active")
        allowed = by in (OPERATING, one.consumer) and fit and (not waits or bool(left) or self.may_start(name))
        self.check(done, name, by, allowed=allowed)
        if allowed and waits:
            one.awaits, one.status = left, "proposed" if left else "active"

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def consent(self, data: st.DataObject, by: str) -> None:
        """Each owner agrees for itself; the operator for all."""
        name, one = self.pick(data)
        done = self.step(decisions.consent, name, by)
        asked = one.owners & one.awaits - (set() if one.parent else {one.consumer})
        asked = asked if by == OPERATING else asked & {by}
        left = one.awaits - asked
        fit = one.status == "proposed" if asked else one.status in ("proposed", "active")
        allowed = by in {OPERATING, *one.owners} and fit and (not asked or bool(left) or self.may_start(name))
        self.check(done, name, by, allowed=allowed)
        if allowed and asked:
            one.awaits, one.status = left, "proposed" if left else "active"

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def decline(self, data: st.DataObject, by: str) -> None:
        """Whoever is a party or asked turns a proposal down."""
        name, one = self.pick(data)
        done = self.step(decisions.decline, name, by, no_issuer=True)
        allowed = by in {OPERATING, *self.givers(one), one.supplier, *one.awaits}
        allowed = allowed and one.status in ("proposed", "declined")
        self.check(done, name, by, allowed=allowed)
        if allowed:
            one.status = "declined"

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def suspend(self, data: st.DataObject, by: str) -> None:
        """Whoever gave it stops it for a while, each for itself."""
        name, one = self.pick(data)
        done = self.step(ending.suspend, name, by, no_issuer=True)
        allowed = self.may_stop(one, by) and one.status in ("active", "suspended")
        self.check(done, name, by, allowed=allowed)
        if allowed:
            one.status = "suspended"
            one.held_by.add(by)

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def resume(self, data: st.DataObject, by: str) -> None:
        """Whoever stopped it lets it go on; the operator for all."""
        name, one = self.pick(data)
        done = self.step(ending.resume, name, by)
        left = set() if by == OPERATING else one.held_by - {by}
        holds = by == OPERATING or by in one.held_by
        fit = one.status == "active" or (one.status == "suspended" and holds and (bool(left) or self.may_start(name)))
        allowed = self.may_stop(one, by) and fit
        self.check(done, name, by, allowed=allowed)
        if allowed and one.status == "suspended":
            one.held_by, one.status = left, "suspended" if left else "active"

    @precondition(lambda self: self.table)
    @rule(data=st.data(), by=actors)
    def revoke(self, data: st.DataObject, by: str) -> None:
        """Whoever gave it ends it, and its supplier lays it down."""
        name, one = self.pick(data)
        done = self.step(ending.revoke, name, by, no_issuer=True)
        allowed = self.may_stop(one, by) or by == one.supplier
        self.check(done, name, by, allowed=allowed)
        if allowed and one.status != "declined":
            one.status = "revoked"

    @rule(days=st.sampled_from((1, 20, 120)))
    def wait(self, days: int) -> None:
        """Time goes by."""
        self.now += days * DAY

    @invariant()
    def the_registry_is_as_the_table_says(self) -> None:
        """Status, consent that is missing and chains are what the table has; nothing widens down a chain."""
        found = {one.id: one for one in self.loop.run_until_complete(self.store.delegations())}
        assert {name: one.status for name, one in found.items()} == {n: one.status for n, one in self.table.items()}
        for name, one in found.items():
            assert set(one.awaits) == self.table[name].awaits
            assert one.status != "active" or one.status_index is not None
            if one.parent_id is not None:
                above = found[one.parent_id]
                assert one.scopes <= above.scopes
                assert one.valid_to <= above.valid_to
                assert (one.depth, one.delegator_orgno) == (above.depth + 1, above.supplier_orgno)
        given = [one.status_index for one in found.values() if one.status_index is not None]
        assert len(given) == len(set(given))

    # The table's own rules.

    def terms_allow(self, wanted: Expected, depth: int, life: int) -> bool:
        """What the owners demand."""
        terms = [TERMS[name] for name in wanted.scopes]
        return all(
            (not suppliers or wanted.supplier in suppliers) and (not longest or life <= longest) and depth <= far
            for _, _, longest, suppliers, far in terms
        )

    def overlaps(self, wanted: Expected, name: str | None) -> bool:
        """Whether another one that hangs on the same, between the same two, has some of the scopes."""
        live = ("proposed", "active", "suspended")
        return any(
            other != name
            and (one.consumer, one.supplier, one.parent) == (wanted.consumer, wanted.supplier, wanted.parent)
            and one.status in live
            and self.now < one.end
            and one.scopes & wanted.scopes
            for other, one in self.table.items()
        )

    def may_start(self, name: str) -> bool:
        """Whether it may come into force now."""
        one = self.table[name]
        above = self.chain(name)[1:]
        standing = all(each.status == "active" and self.now < each.end for each in above)
        return self.now < one.end and standing and not self.overlaps(one, name)

    def givers(self, one: Expected) -> set[str]:
        """Its consumer, and whoever handed it on."""
        return {one.consumer} | ({self.table[one.parent].supplier} if one.parent else set())

    def may_stop(self, one: Expected, by: str) -> bool:
        """Givers, the operator, and who owns all of it."""
        return by in {OPERATING, *self.givers(one)} or one.owners == {by}

    def chain(self, name: str) -> list[Expected]:
        """A delegation and what it hangs on."""
        found = [self.table[name]]
        while found[-1].parent:
            found.append(self.table[found[-1].parent])
        return found

    # How it is done.

    def pick(self, data: st.DataObject) -> tuple[str, Expected]:
        """Choose one of the delegations."""
        name = data.draw(st.sampled_from(sorted(self.table)))
        return name, self.table[name]

    def next_id(self) -> str:
        """Ids in order."""
        return next(self.ids)

    def step(
        self, use_case: Callable[..., Awaitable[Delegation]], name: str, by: str, *, no_issuer: bool = False
    ) -> object:
        """Take one step, as one of them."""
        more = {} if no_issuer else {"issuer": ISSUER}
        return self.do(lambda: use_case(self.store, actor(by), self.now, delegation_id=name, **more))

    def check(self, done: object, name: str, by: str, *, allowed: bool) -> None:
        """It was done if the table allows it; and to a stranger there is no such delegation."""
        assert isinstance(done, Delegation) is allowed, done
        chain = self.chain(name)
        one = chain[0]
        concerned = {OPERATING, one.consumer, *(each.supplier for each in chain), *one.owners}
        assert (isinstance(done, Refusal) and done.reason is Reason.NOT_FOUND) is (by not in concerned)

    def do(self, work: Callable[[], Awaitable[Delegation]]) -> Delegation | Refusal:
        """Run a use-case; a refusal is a value."""

        async def run() -> Delegation | Refusal:
            try:
                return await work()
            except Refusal as refusal:
                return refusal

        return self.loop.run_until_complete(run())


def actor(name: str) -> Actor:
    """The operator, or an organisation."""
    return OPERATOR if name == OPERATING else acting(name)


async def _fill(path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{path}")
    store = SqlRegistryStore(database)
    for orgno in PARTIES:
        await organisations.add(store, OPERATOR, NOW, orgno=orgno, name=f"Number {orgno}")
    await prefixes.add(store, OPERATOR, NOW, prefix="nav", owner_orgno=OWNER)
    await prefixes.add(store, OPERATOR, NOW, prefix="tax", owner_orgno=OTHER_OWNER)
    for name, (_, consent, longest, suppliers, far) in TERMS.items():
        terms = {
            "delegation_source": ISSUER,
            "delegation_consent": consent,
            "delegation_max_life": longest,
            "delegation_suppliers": suppliers,
            "redelegation_depth": far,
        }
        await scopes.add(store, OPERATOR, NOW, scope=scope(name, **terms))
    await database.close()


@pytest.fixture(scope="module")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of organisations and scopes, to be copied."""
    path = tmp_path_factory.mktemp("machine") / "registry.db"
    shutil.copy(migrated, path)
    asyncio.run(_fill(path))
    return path


def test_delegations_live_as_the_table_says(filled: Path) -> None:
    """Over random histories every step is done or refused as the table says, and nobody else sees anything of it."""
    Life.template = filled
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
