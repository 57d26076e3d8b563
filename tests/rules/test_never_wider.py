"""P4 as a property of generated registries: a token never carries more than everybody in the chain allows."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, find, given, note, settings
from hypothesis import strategies as st

from authserver.oauth.assertion import SignedAssertion
from authserver.oauth.authorization import Authorization, authorize
from authserver.oauth.errors import Refusal
from authserver.oauth.models import (
    Client,
    Delegation,
    DelegationStatus,
    Fact,
    Organisation,
    Prefix,
    Ref,
    Scope,
    ScopeAccess,
)
from authserver.oauth.profiles import REQUEST_PROFILES
from tests.support.build import CONSUMER, ISSUER, NOW, OWNER, SUPPLIER

ORGANISATIONS = (CONSUMER, SUPPLIER, OWNER)
INACTIVE: tuple[DelegationStatus, ...] = ("proposed", "suspended", "revoked")
SCOPES = ("tax:a", "tax:b", "nav:c")
instants = st.integers(-3, 3) | st.sampled_from([-10_000, 100, 10_000])


@dataclass(frozen=True)
class Case:
    client: Client
    asked: SignedAssertion
    facts: dict[Ref, Fact]

    def decide(self) -> Authorization | None:
        try:
            return authorize(self.client, self.asked, self.facts, ISSUER, NOW)
        except Refusal:
            return None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a registry under which the request would be granted, then do up to two things to it."""
    audience = draw(st.sampled_from(["urn:api", None]))
    supplier = draw(st.booleans())
    facts: dict[Ref, Fact] = {Ref("organisation", orgno): Organisation(orgno, "") for orgno in ORGANISATIONS}
    facts |= {Ref("prefix", prefix): Prefix(prefix, OWNER) for prefix in ("tax", "nav")}
    for name in SCOPES:
        facts[Ref("scope", name)] = draw(scopes(name, audience))
        facts[Ref("access", name, CONSUMER)] = ScopeAccess(name, CONSUMER, "APPROVED")
        facts[Ref("access", name, SUPPLIER)] = ScopeAccess(name, SUPPLIER, "DENIED")
    whole = Delegation("d-0", CONSUMER, SUPPLIER, frozenset(SCOPES), NOW, NOW + draw(st.sampled_from([1, 90, 9999])))
    facts[whole.ref] = (*draw(st.lists(delegations(), max_size=3)), whole)
    asked = draw(st.lists(st.sampled_from(SCOPES if audience else SCOPES[:2]), min_size=1, unique=True))
    for ref in draw(st.lists(st.sampled_from(sorted(facts)), max_size=2)):
        facts[ref] = draw(st.sampled_from(damaged(facts[ref])))
    client = Client(
        "client",
        SUPPLIER if supplier else CONSUMER,
        token_lifetime=draw(st.sampled_from([0, 0, 30, 900, 99_999])),
        scopes=frozenset(asked) | draw(st.frozensets(st.sampled_from(SCOPES))),
    )
    return Case(client, draw(assertions(tuple(asked), CONSUMER if supplier else None)), facts)


def scopes(name: str, audience: str | None) -> st.SearchStrategy[Scope]:
    return st.builds(
        Scope,
        name=st.just(name),
        prefix=st.just(name.partition(":")[0]),
        owner_orgno=st.just(OWNER),
        accessible_for_all=st.sampled_from([False, False, True]),
        audience=st.just(audience),
        delegation_source=st.just(ISSUER),
        max_age=st.sampled_from([0, 0, 60, 1800, 99_999]),
    )


def assertions(asked: tuple[str, ...], consumer_org: str | None) -> st.SearchStrategy[SignedAssertion]:
    return st.builds(
        SignedAssertion,
        client_id=st.just("client"),
        kid=st.just("kid"),
        profile=st.sampled_from(list(REQUEST_PROFILES.values())),
        assertion_id=st.just("jti"),
        remember_until=st.just(NOW + 100),
        scopes=st.just(asked),
        resources=st.sampled_from([(), (), ("urn:api",)]),
        consumer_org=st.just(consumer_org) | st.sampled_from([None, CONSUMER, SUPPLIER]),
        pid=st.none(),
    )


def delegations() -> st.SearchStrategy[Delegation]:
    return st.builds(
        Delegation,
        id=st.sampled_from(["d-1", "d-2", "d-3"]),
        consumer_orgno=st.just(CONSUMER),
        supplier_orgno=st.just(SUPPLIER),
        scopes=st.frozensets(st.sampled_from(SCOPES), min_size=1),
        valid_from=instants.map(lambda shift: NOW + shift - 2),
        valid_to=instants.map(lambda shift: NOW + shift + 2),
        status=st.sampled_from(["active", "active", "active", "proposed", "suspended", "revoked"]),
    )


def weakened(fact: Fact) -> list[Fact]:
    """Return every way in which a record can be switched off."""
    if isinstance(fact, Organisation | Prefix | Scope):
        return [None, replace(fact, active=False)]
    if isinstance(fact, ScopeAccess):
        return [None, replace(fact, state="DENIED"), replace(fact, state="REQUESTED")]
    if isinstance(fact, tuple):
        return [None, (), *(tuple(replace(each, status=status) for each in fact) for status in INACTIVE)]
    return [None]


def damaged(fact: Fact) -> list[Fact]:
    """Return what may happen to a record: switched off, or changed so that it matters to some requests only."""
    if isinstance(fact, Scope):
        audiences = [replace(fact, audience=audience) for audience in (None, "urn:other")]
        sources = [replace(fact, delegation_source=source) for source in (None, "https://other.example/")]
        return [*weakened(fact), *audiences, *sources]
    if isinstance(fact, tuple):
        return [*weakened(fact), fact[:-1]]
    return weakened(fact)


def active(facts: dict[Ref, Fact], *refs: Ref) -> bool:
    found = [facts[ref] for ref in refs]
    return all(isinstance(fact, Organisation | Prefix | Scope) and fact.active for fact in found)


def covering(case: Case, name: str) -> list[Delegation]:
    found = case.facts[Ref("delegations", CONSUMER, SUPPLIER)]
    assert isinstance(found, tuple)
    return [
        each
        for each in found
        if each.status == "active" and name in each.scopes and each.valid_from <= NOW < each.valid_to
    ]


def named_scope(case: Case, name: str) -> Scope:
    scope = case.facts[Ref("scope", name)]
    assert isinstance(scope, Scope)
    return scope


@pytest.mark.parametrize("supplier", [None, SUPPLIER])
@pytest.mark.parametrize("granted", [True, False])
def test_the_generated_registries_grant_and_refuse(supplier: str | None, granted: bool) -> None:
    """The properties below speak of something: there are grants and refusals, with and without delegation."""

    def reached(case: Case) -> bool:
        decision = case.decide()
        delegated = case.asked.consumer_org is not None
        return (decision is not None) is granted and delegated is (supplier is not None)

    found = find(cases(), reached, settings=settings(database=None, phases=[Phase.generate]))
    assert (found.decide() is not None) is granted


@given(cases())
def test_a_token_carries_at_most_what_everybody_allows(case: Case) -> None:
    """P4: scopes on the client ∩ access of the consumer ∩ the delegation, all alive, for no longer than allowed."""
    granted = case.decide()
    if granted is None:
        return
    assert granted.scopes == case.asked.scopes
    assert set(granted.scopes) <= case.client.scopes
    consumer = case.asked.consumer_org or case.client.orgno
    assert granted.consumer_orgno == consumer
    assert active(case.facts, Ref("organisation", consumer), Ref("organisation", case.client.orgno))
    for name in granted.scopes:
        scope = named_scope(case, name)
        owner = Ref("organisation", scope.owner_orgno)
        assert active(case.facts, scope.ref, Ref("prefix", scope.prefix), owner)
        access = case.facts[Ref("access", name, consumer)]
        assert scope.accessible_for_all or (isinstance(access, ScopeAccess) and access.state == "APPROVED")
        assert NOW < granted.expires_at <= NOW + min(scope.max_age or 3600, 3600)
        if case.asked.consumer_org is not None:
            assert granted.supplier_orgno == case.client.orgno == SUPPLIER
            assert scope.delegation_source == granted.delegation_source == ISSUER
            assert granted.expires_at <= max(each.valid_to for each in covering(case, name))
            assert {each.id for each in covering(case, name)} & set(granted.delegation_ids)
    if case.client.token_lifetime:
        assert granted.expires_at <= NOW + case.client.token_lifetime
    assert (granted.supplier_orgno is None) == (case.asked.consumer_org is None)
    assert len(granted.audience) == 1 or (not granted.profile.rfc9068 and granted.audience == case.asked.resources)


def used(case: Case, granted: Authorization) -> set[Ref]:
    """Name the facts on which this decision stands."""
    refs = {Ref("organisation", case.client.orgno), Ref("organisation", granted.consumer_orgno)}
    for name in granted.scopes:
        scope = named_scope(case, name)
        refs |= {scope.ref, Ref("prefix", scope.prefix), Ref("organisation", scope.owner_orgno)}
        if not scope.accessible_for_all:
            refs.add(Ref("access", name, granted.consumer_orgno))
    if granted.supplier_orgno is not None:
        refs.add(Ref("delegations", granted.consumer_orgno, granted.supplier_orgno))
    return refs


@given(cases())
def test_without_any_single_fact_that_it_used_a_decision_is_refused(case: Case) -> None:
    """P4: remove or disable any one fact behind a grant, or any scope from the client, and nothing is granted."""
    granted = case.decide()
    if granted is None:
        return
    for ref in used(case, granted):
        for fact in weakened(case.facts[ref]):
            note(f"{ref} as {fact}")
            assert replace(case, facts=case.facts | {ref: fact}).decide() is None
    for name in granted.scopes:
        fewer = replace(case.client, scopes=case.client.scopes - {name})
        assert replace(case, client=fewer).decide() is None


@given(cases())
def test_asking_for_more_scopes_never_makes_a_longer_life(case: Case) -> None:
    """A scope's owner can rely on the life that a token with this scope alone would have."""
    together = case.decide()
    if together is None:
        return
    for name in together.scopes:
        alone = replace(case, asked=replace(case.asked, scopes=(name,))).decide()
        assert alone is not None
        assert together.expires_at <= alone.expires_at


@given(cases(), st.sampled_from(ORGANISATIONS))
def test_switching_anything_off_never_grants_more(case: Case, orgno: str) -> None:
    """A refused request is not granted because something else was switched off."""
    off = replace(case, facts=case.facts | {Ref("organisation", orgno): None})
    if off.decide() is not None:
        assert case.decide() == off.decide()
