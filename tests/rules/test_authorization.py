"""What an assertion may have, case by case (R-029, R-073 to R-075; design §2 P4, §3)."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from authserver.oauth.assertion import SignedAssertion
from authserver.oauth.authorization import Authorization, authorize, needed, needed_above
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import (
    Client,
    Delegation,
    Fact,
    Facts,
    Organisation,
    Prefix,
    Record,
    Ref,
    Scope,
    ScopeAccess,
)
from authserver.oauth.profiles import REQUEST_PROFILES, TOKEN_PROFILES
from tests.support.build import (
    CLIENT_ID,
    CONSUMER,
    DELEGATION_ID,
    ISSUER,
    NOW,
    OTHER_SCOPE,
    OWNER,
    SCOPE,
    SUPPLIER,
    make_client,
    make_delegation,
    make_scope,
    policy,
    refuses,
)

OWN = make_client()
SUPPLIERS = make_client(orgno=SUPPLIER)
FOREVER = NOW + 10**9


def signed(**changes: Any) -> SignedAssertion:
    right = SignedAssertion(CLIENT_ID, "kid", REQUEST_PROFILES["standard"], "jti", NOW + 100, (SCOPE,), (), None, None)
    return replace(right, **changes)


def decide(*records: Record, client: Client = OWN, facts: Facts | None = None, **changes: Any) -> Authorization:
    return authorize(client, signed(**changes), policy(*records) if facts is None else facts, ISSUER, NOW)


def delegated(*records: Record, facts: Facts | None = None, **changes: Any) -> Authorization:
    return decide(*records, client=SUPPLIERS, facts=facts, **({"consumer_org": CONSUMER} | changes))


def without(*refs: Ref) -> dict[Ref, Fact]:
    return {ref: fact for ref, fact in policy().items() if ref not in refs}


def test_a_consumer_gets_what_it_may_have() -> None:
    """A client with the scope, of a consumer with access, is authorized as itself."""
    assert decide() == Authorization(
        client_id=CLIENT_ID,
        client_orgno=CONSUMER,
        consumer_orgno=CONSUMER,
        supplier_orgno=None,
        delegation_source=None,
        delegation_ids=(),
        scopes=(SCOPE,),
        audience=(f"{ISSUER}api/tax",),
        profile=TOKEN_PROFILES["standard"],
        expires_at=NOW + 600,
        pid=None,
    )


def test_a_supplier_gets_what_it_was_delegated() -> None:
    """A client of the supplier is authorized for the consumer, and the decision names the delegation."""
    granted = delegated()
    assert (granted.client_orgno, granted.supplier_orgno, granted.consumer_orgno) == (SUPPLIER, SUPPLIER, CONSUMER)
    assert (granted.delegation_source, granted.delegation_ids) == (ISSUER, (DELEGATION_ID,))


# What takes it away. Each row: the record as it must not be, or the name that must not be absent; and the refusal.

OWN_REFUSALS: dict[str, tuple[Record | Ref, Reason]] = {
    "organisation-inactive": (Organisation(CONSUMER, "", active=False), Reason.ORGANISATION_DISABLED),
    "organisation-absent": (Ref("organisation", CONSUMER), Reason.ORGANISATION_DISABLED),
    "scope-inactive": (make_scope(active=False), Reason.SCOPE_DISABLED),
    "scope-absent": (Ref("scope", SCOPE), Reason.SCOPE_NOT_ON_CLIENT),
    "prefix-inactive": (Prefix("tax", OWNER, active=False), Reason.SCOPE_DISABLED),
    "prefix-absent": (Ref("prefix", "tax"), Reason.SCOPE_DISABLED),
    "owner-inactive": (Organisation(OWNER, "", active=False), Reason.ORGANISATION_DISABLED),
    "owner-absent": (Ref("organisation", OWNER), Reason.ORGANISATION_DISABLED),
    "MP-201-integration-type": (make_scope(allowed_integration_types=("krr",)), Reason.SCOPE_INTEGRATION),
    "MP-250-access-absent": (Ref("access", SCOPE, CONSUMER), Reason.ACCESS),
    "MP-250-access-requested": (ScopeAccess(SCOPE, CONSUMER, "REQUESTED"), Reason.ACCESS),
    "MP-250-access-denied": (ScopeAccess(SCOPE, CONSUMER, "DENIED"), Reason.ACCESS),
}
DELEGATED_REFUSALS: dict[str, tuple[Record | Ref, Reason]] = {
    **OWN_REFUSALS,
    "supplier-inactive": (Organisation(SUPPLIER, "", active=False), Reason.ORGANISATION_DISABLED),
    "supplier-absent": (Ref("organisation", SUPPLIER), Reason.ORGANISATION_DISABLED),
    "scope-not-delegable": (make_scope(delegation_source=None), Reason.NOT_DELEGABLE),
    "scope-of-another-register": (make_scope(delegation_source="https://other.example/"), Reason.NOT_DELEGABLE),
    "MP-251-delegation-absent": (Ref("delegations", CONSUMER, SUPPLIER), Reason.DELEGATION),
    "MP-251-delegation-proposed": (make_delegation(status="proposed"), Reason.DELEGATION),
    "MP-251-delegation-suspended": (make_delegation(status="suspended"), Reason.DELEGATION),
    "MP-251-delegation-revoked": (make_delegation(status="revoked"), Reason.DELEGATION),
    "MP-251-delegation-of-another-scope": (make_delegation(scopes=frozenset({OTHER_SCOPE})), Reason.DELEGATION),
    "MP-251-delegation-of-nothing": (make_delegation(scopes=frozenset()), Reason.DELEGATION),
    "MP-251-delegation-starts-in-a-second": (make_delegation(valid_from=NOW + 1), Reason.DELEGATION),
    "MP-251-delegation-ends-now": (make_delegation(valid_to=NOW), Reason.DELEGATION),
    "MP-251-delegation-ended": (make_delegation(valid_to=NOW - 1), Reason.DELEGATION),
}


@pytest.mark.parametrize(("change", "reason"), OWN_REFUSALS.values(), ids=OWN_REFUSALS)
def test_each_fact_that_is_absent_or_disabled_refuses_the_consumer(change: Record | Ref, reason: Reason) -> None:
    """P4: absent means refused, disabled means refused, anywhere in the chain."""
    with refuses(reason):
        decide(facts=without(change) if isinstance(change, Ref) else policy(change))


@pytest.mark.parametrize(("change", "reason"), DELEGATED_REFUSALS.values(), ids=DELEGATED_REFUSALS)
def test_each_fact_that_is_absent_or_disabled_refuses_the_supplier(change: Record | Ref, reason: Reason) -> None:
    """P4: under delegation, the consumer's, the supplier's and the owner's facts all count."""
    with refuses(reason):
        delegated(facts=without(change) if isinstance(change, Ref) else policy(change))


def test_a_fact_of_the_wrong_kind_is_an_absent_one() -> None:
    """A record filed under a foreign name admits nobody."""
    for ref in policy():
        with pytest.raises(Refusal):
            delegated(
                facts=policy() | {ref: Organisation("x", "x") if ref.kind != "organisation" else Prefix("x", "x")}
            )


def test_a_scope_that_is_not_on_the_client_is_refused() -> None:
    """MP-200: what the consumer may have does not matter when the client did not register for it."""
    with refuses(Reason.SCOPE_NOT_ON_CLIENT):
        decide(client=make_client(scopes=frozenset()))
    with refuses(Reason.SCOPE_NOT_ON_CLIENT):
        decide(client=make_client(scopes=frozenset({SCOPE + "x", SCOPE.upper()})))


def test_one_scope_too_many_refuses_the_request() -> None:
    """R-024: all or nothing."""
    both = make_client(scopes=frozenset({SCOPE, OTHER_SCOPE}))
    with refuses(Reason.SCOPE_NOT_ON_CLIENT):
        decide(make_scope(OTHER_SCOPE), scopes=(SCOPE, OTHER_SCOPE))
    with refuses(Reason.ACCESS):
        decide(make_scope(OTHER_SCOPE), client=both, scopes=(SCOPE, OTHER_SCOPE))
    access = ScopeAccess(OTHER_SCOPE, CONSUMER, "APPROVED")
    granted = decide(make_scope(OTHER_SCOPE), access, client=both, scopes=(OTHER_SCOPE, SCOPE))
    assert granted.scopes == (OTHER_SCOPE, SCOPE)


def test_an_open_scope_needs_no_access() -> None:
    """A scope that is accessible for all admits every consumer, itself or through a supplier."""
    open_scope = make_scope(accessible_for_all=True)
    facts = without(Ref("access", SCOPE, CONSUMER)) | {open_scope.ref: open_scope}
    assert decide(facts=facts).scopes == delegated(facts=facts).scopes == (SCOPE,)


def test_the_suppliers_own_access_does_not_help() -> None:
    """Access is the consumer's: a supplier with access gets nothing for a consumer without it, and the reverse."""
    suppliers = ScopeAccess(SCOPE, SUPPLIER, "APPROVED")
    with refuses(Reason.ACCESS):
        delegated(facts=without(Ref("access", SCOPE, CONSUMER)) | {suppliers.ref: suppliers})
    with refuses(Reason.ACCESS):
        decide(client=SUPPLIERS)


def test_acting_for_oneself_is_not_delegation() -> None:
    """R-073: consumer_org that is the client's own organisation is refused by its own sentence."""
    with refuses(Reason.CONSUMER_IS_SELF):
        decide(consumer_org=CONSUMER)


def test_a_delegation_serves_one_pair_in_one_direction() -> None:
    """R-073: a delegation between others, or from supplier to consumer, admits nobody."""
    back = Delegation("d-2", SUPPLIER, CONSUMER, frozenset({SCOPE}), 0, FOREVER)
    third = Delegation("d-3", CONSUMER, OWNER, frozenset({SCOPE}), 0, FOREVER)
    facts = without(Ref("delegations", CONSUMER, SUPPLIER)) | {back.ref: (back,), third.ref: (third,)}
    with refuses(Reason.DELEGATION):
        delegated(facts=facts)


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "allowed"),
    [(NOW, NOW + 1, True), (NOW - 1, NOW + 1, True), (NOW + 1, NOW + 2, False), (NOW - 1, NOW, False)],
)
def test_a_delegation_holds_from_its_first_second_until_before_its_last(
    valid_from: int, valid_to: int, allowed: bool
) -> None:
    """R-029: the dates of a delegation are a half-open interval."""
    dated = make_delegation(valid_from=valid_from, valid_to=valid_to)
    if allowed:
        assert delegated(dated).expires_at <= valid_to
    else:
        with refuses(Reason.DELEGATION):
            delegated(dated)


@pytest.mark.parametrize("conditions", list(product([True, False], repeat=7)))
def test_every_condition_of_a_delegation_is_needed(conditions: tuple[bool, ...]) -> None:
    """R-074: of the 128 combinations of seven conditions, only the one in which all hold is authorized."""
    on_client, delegable, access, exists, active, covers, in_dates = conditions
    delegation = make_delegation(
        status="active" if active else "revoked",
        scopes=frozenset({SCOPE if covers else OTHER_SCOPE}),
        valid_to=NOW + 10_000 if in_dates else NOW,
    )
    facts = policy(
        make_scope(delegation_source=ISSUER if delegable else None),
        ScopeAccess(SCOPE, CONSUMER, "APPROVED" if access else "DENIED"),
        delegation,
    )
    if not exists:
        del facts[delegation.ref]
    client = make_client(orgno=SUPPLIER, scopes=frozenset({SCOPE} if on_client else ()))
    if all(conditions):
        assert decide(client=client, facts=facts, consumer_org=CONSUMER).scopes == (SCOPE,)
    else:
        with pytest.raises(Refusal):
            decide(client=client, facts=facts, consumer_org=CONSUMER)


def test_among_several_delegations_the_longest_counts() -> None:
    """A scope is covered by the delegation that lasts longest; an expired or foreign one beside it does no harm."""
    short = make_delegation(id="short", valid_to=NOW + 30)
    long = make_delegation(id="long", valid_to=NOW + 300)
    over = make_delegation(id="over", valid_to=NOW - 1)
    foreign = make_delegation(id="foreign", scopes=frozenset({OTHER_SCOPE}), valid_to=FOREVER)
    facts = policy() | {short.ref: (short, over, long, foreign)}
    granted = delegated(facts=facts)
    assert granted.delegation_ids == ("long",)
    assert granted.expires_at == NOW + 300


def test_two_scopes_may_stand_on_two_delegations() -> None:
    """Each scope finds its own delegation, and the token ends with the first of them."""
    one = make_delegation(id="one", valid_to=NOW + 50)
    two = make_delegation(id="two", scopes=frozenset({OTHER_SCOPE}), valid_to=NOW + 40)
    facts = policy(make_scope(OTHER_SCOPE), ScopeAccess(OTHER_SCOPE, CONSUMER, "APPROVED")) | {one.ref: (one, two)}
    client = make_client(orgno=SUPPLIER, scopes=frozenset({SCOPE, OTHER_SCOPE}))
    granted = decide(client=client, facts=facts, consumer_org=CONSUMER, scopes=(SCOPE, OTHER_SCOPE))
    assert granted.delegation_ids == ("one", "two")
    assert granted.expires_at == NOW + 40
    assert delegated(facts=facts).delegation_ids == ("one",)


# Lifetimes


@pytest.mark.parametrize(
    ("wish", "caps", "profile", "life"),
    [
        pytest.param(0, [0], "standard", 600, id="standard-default"),
        pytest.param(0, [0], "maskinporten", 120, id="maskinporten-default"),
        pytest.param(300, [0], "standard", 300, id="client-less"),
        pytest.param(1200, [0], "standard", 1200, id="client-more"),
        pytest.param(9999, [0], "standard", 3600, id="client-more-than-the-ceiling"),
        pytest.param(0, [60], "standard", 60, id="scope-less"),
        pytest.param(0, [1800], "standard", 1800, id="scope-more"),
        pytest.param(0, [9999], "standard", 3600, id="scope-more-than-the-ceiling"),
        pytest.param(300, [60], "standard", 60, id="the-scope-caps-the-client"),
        pytest.param(30, [60], "standard", 30, id="the-client-below-the-cap"),
        pytest.param(0, [60, 1800], "standard", 60, id="MP-smallest-scope-wins"),
        pytest.param(0, [0, 1800], "standard", 600, id="a-silent-scope-keeps-its-default"),
        pytest.param(0, [0, 1800], "maskinporten", 120, id="a-silent-scope-keeps-its-default-maskinporten"),
        pytest.param(1200, [0, 1800], "standard", 1200, id="a-wish-below-the-only-cap"),
    ],
)
def test_a_token_lives_as_long_as_everybody_allows(wish: int, caps: list[int], profile: str, life: int) -> None:
    """Design §3: client, scopes, profile and ceiling each bound the life of a token."""
    scopes = {f"tax:s{number}": cap for number, cap in enumerate(caps)}
    records: list[Record] = [make_scope(name, max_age=cap) for name, cap in scopes.items()]
    records += [ScopeAccess(name, CONSUMER, "APPROVED") for name in scopes]
    client = make_client(scopes=frozenset(scopes), token_lifetime=wish)
    granted = decide(*records, client=client, scopes=tuple(scopes), profile=REQUEST_PROFILES[profile])
    assert granted.expires_at == NOW + life


@pytest.mark.parametrize("left", [1, 599, 600, 601])
def test_a_token_ends_with_the_delegation(left: int) -> None:
    """R-075: exp is at most the delegation's end."""
    assert delegated(make_delegation(valid_to=NOW + left)).expires_at == NOW + min(left, 600)


# Profiles, audience, person


def test_a_scope_may_have_its_own_token_profile() -> None:
    """Design §3: the scope's token profile wins over the one of the request; two in one token are refused."""
    records = (make_scope(token_profile="maskinporten"), make_scope(OTHER_SCOPE))
    access = ScopeAccess(OTHER_SCOPE, CONSUMER, "APPROVED")
    client = make_client(scopes=frozenset({SCOPE, OTHER_SCOPE}))
    assert decide(*records, access, client=client).profile is TOKEN_PROFILES["maskinporten"]
    with refuses(Reason.SCOPES_MIXED):
        decide(*records, access, client=client, scopes=(SCOPE, OTHER_SCOPE))
    both = decide(
        *records, access, client=client, scopes=(SCOPE, OTHER_SCOPE), profile=REQUEST_PROFILES["maskinporten"]
    )
    assert both.profile is TOKEN_PROFILES["maskinporten"]


def test_the_integration_type_of_the_client_is_among_those_of_the_scope() -> None:
    """MP-201: a scope that lists integration types admits those, one that lists none admits all."""
    assert decide(make_scope(allowed_integration_types=("krr", "maskinporten"))).scopes == (SCOPE,)
    with refuses(Reason.SCOPE_INTEGRATION):
        decide(make_scope(allowed_integration_types=("maskinporten",)), client=make_client(integration_type="krr"))


def test_the_resource_and_the_person_are_carried_over() -> None:
    """What was asked for and judged stands in the decision."""
    granted = decide(make_scope(audience="urn:tax"), resources=("urn:tax",), pid="01018012345")
    assert (granted.audience, granted.pid) == (("urn:tax",), "01018012345")
    with refuses(Reason.RESOURCE_UNKNOWN):
        decide(make_scope(audience="urn:tax"), resources=("urn:other",))


def test_the_refusal_names_consumer_scope_and_supplier() -> None:
    """MP-250 and MP-251 say in the published words who has to grant what."""
    with refuses(Reason.ACCESS) as access:
        decide(facts=without(Ref("access", SCOPE, CONSUMER)))
    assert access.value.sentence == f"Consumer has not been granted access to the scope {SCOPE}."
    with refuses(Reason.DELEGATION) as delegation:
        delegated(facts=without(Ref("delegations", CONSUMER, SUPPLIER)))
    assert delegation.value.sentence == (
        f"Consumer {CONSUMER} has not delegated access to the scope {SCOPE} to supplier {SUPPLIER}."
    )


# needed


def closure(client: Client, assertion: SignedAssertion, store: Facts) -> dict[Ref, Fact]:
    facts = {ref: store.get(ref) for ref in needed(client, assertion)}
    return facts | {ref: store.get(ref) for ref in needed_above(facts)}


@pytest.mark.parametrize("asked", [signed(), signed(consumer_org=CONSUMER), signed(scopes=(SCOPE, "foreign:scope"))])
def test_the_facts_needed_are_the_facts_used(asked: SignedAssertion) -> None:
    """Deciding on the facts named, in two rounds, is deciding on the whole registry."""
    for client in (OWN, SUPPLIERS, make_client(scopes=frozenset())):
        store = policy(Scope("foreign:scope", "foreign", OWNER))
        assert outcome(client, asked, closure(client, asked, store)) == outcome(client, asked, store)


def outcome(client: Client, asked: SignedAssertion, facts: Facts) -> Authorization | Reason:
    try:
        return authorize(client, asked, facts, ISSUER, NOW)
    except Refusal as refusal:
        return refusal.reason


def test_scopes_that_are_not_on_the_client_are_not_looked_up() -> None:
    """A client cannot make us read records it has nothing to do with."""
    assert needed(OWN, signed(scopes=("foreign:scope",))) == {Ref("organisation", CONSUMER)}
    assert needed_above({Ref("organisation", CONSUMER): Organisation(CONSUMER, "Consumer")}) == set()
