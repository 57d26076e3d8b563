"""Chains of delegations: authorization agrees with a search through everything, over graphs of any shape."""

from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from authserver.oauth import access_token, chains
from authserver.oauth.assertion import SignedAssertion
from authserver.oauth.authorization import Authorization, authorize, needed, needed_above
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Delegation, Fact, Organisation, Ref, ScopeAccess
from authserver.oauth.profiles import REQUEST_PROFILES
from tests.support.build import (
    CLIENT_ID,
    CONSUMER,
    ISSUER,
    NOW,
    OTHER_SCOPE,
    SCOPE,
    SUPPLIER,
    make_client,
    make_delegation,
    make_scope,
    policy,
    refuses,
)

SECOND, THIRD, FOURTH = "974760673", "914782007", "971040238"
ACTING = (SUPPLIER, SECOND, THIRD, FOURTH)
IDS = tuple("abcdefg")
far = st.sampled_from((3, 3, 3, 2, 1, 0))


@st.composite
def graphs(draw: st.DrawFn) -> list[Delegation]:
    """Delegations that hang on each other, on themselves, in circles or on nothing; mostly as they should."""
    found: list[Delegation] = []
    for name in IDS[: draw(st.integers(1, 7))]:
        parent_id = draw(
            st.one_of(st.none(), st.sampled_from([one.id for one in found] or [name]), st.sampled_from(IDS))
        )
        parent = next((one for one in found if one.id == parent_id), None)
        delegator = None if parent_id is None else parent.supplier_orgno if parent else draw(st.sampled_from(ACTING))
        link = Delegation(
            name,
            CONSUMER,
            draw(st.sampled_from(ACTING)),
            frozenset({SCOPE} if draw(st.integers(0, 9)) else ()),
            NOW - 1,
            NOW + draw(st.sampled_from((0, 10, 20, 5_000, 5_000))),
            status=draw(st.sampled_from(("active", "active", "active", "active", "suspended", "revoked", "proposed"))),
            parent_id=parent_id,
            delegator_orgno=delegator,
            depth=parent.depth + 1 if parent else draw(st.integers(0, 1)) if parent_id else 0,
        )
        if not draw(st.integers(0, 9)):
            link = replace(link, delegator_orgno=draw(st.sampled_from((None, *ACTING))), depth=draw(st.integers(0, 4)))
        found.append(link)
    return found


def world(links: list[Delegation], scope: Any, inactive: frozenset[str]) -> dict[Ref, Fact]:
    """Everything there is."""
    facts = policy(scope, *(Organisation(orgno, "An organisation", orgno not in inactive) for orgno in ACTING))
    del facts[make_delegation().ref]
    for link in links:
        between = facts.get(link.ref, ())
        assert isinstance(between, tuple)
        facts[link.ref] = (*between, link)
    return facts


def ask(everything: dict[Ref, Fact], client: Client) -> Authorization:
    """Ask as the server does: for what is needed, and then for what that hangs on."""
    signed = SignedAssertion(CLIENT_ID, "kid", REQUEST_PROFILES["standard"], "jti", NOW + 100, (SCOPE,), (), None, None)
    signed = replace(signed, consumer_org=CONSUMER)
    facts: dict[Ref, Fact] = {}

    def look_up(refs: set[Ref]) -> None:
        facts.update({ref: everything.get(ref, () if ref.kind == "delegations" else None) for ref in refs})

    look_up(needed(client, signed))
    look_up(needed_above(facts))
    for _ in range(chains.MOST_HOPS):
        look_up(chains.needed(facts))
    return authorize(client, signed, facts, ISSUER, NOW)


def ways(links: list[Delegation], caller: str, scope: Any, inactive: frozenset[str]) -> list[tuple[Delegation, ...]]:
    """Every chain that holds, found by trying every order of every choice of links."""
    found = []
    for length in range(1, min(scope.redelegation_depth, 3) + 2):
        for way in permutations(links, length):
            first = way[0]
            acting = [link.supplier_orgno for link in way]
            if (first.parent_id, first.delegator_orgno, first.depth) == (None, None, 0) and (
                all(
                    (low.parent_id, low.delegator_orgno, low.depth) == (high.id, high.supplier_orgno, high.depth + 1)
                    for high, low in pairwise(way)
                )
                and acting[-1] == caller
                and len({CONSUMER, *acting}) == length + 1
                and not inactive.intersection(acting)
                and all(link.status == "active" and SCOPE in link.scopes and link.valid_to > NOW for link in way)
                and all(not scope.delegation_suppliers or one in scope.delegation_suppliers for one in acting)
            ):
                found.append(way)
    return found


@settings(max_examples=250, deadline=None)
@given(
    links=graphs(),
    caller=st.sampled_from(ACTING),
    depth=far,
    listed=st.sampled_from(((), (), (), ACTING, ACTING[:2])),
    inactive=st.sampled_from((frozenset[str](), frozenset[str](), frozenset({SECOND}))),
)
def test_a_token_is_given_exactly_when_a_chain_holds(
    links: list[Delegation], caller: str, depth: int, listed: tuple[str, ...], inactive: frozenset[str]
) -> None:
    """Whatever hangs on what: a token if and only if the search finds a chain, of it, and never beyond its end."""
    scope = make_scope(redelegation_depth=depth, delegation_suppliers=listed)
    expected = ways(links, caller, scope, inactive)
    event(f"longest chain: {max(map(len, expected), default=0)}")
    everything, client = world(links, scope, inactive), make_client(orgno=caller)
    if not expected:
        with pytest.raises(Refusal) as refused:
            ask(everything, client)
        assert refused.value.reason in (Reason.DELEGATION, Reason.ORGANISATION_DISABLED)
        return
    given_token = ask(everything, client)
    by_way = [way for way in expected if tuple(link.supplier_orgno for link in way) == given_token.suppliers]
    assert given_token.delegation_ids in [tuple(link.id for link in way) for way in by_way]
    assert given_token.expires_at <= max(min(link.valid_to for link in way) for way in by_way)
    assert len(given_token.suppliers) == min(map(len, expected))


def handed_on(*changes: dict[str, Any]) -> list[Delegation]:
    """A chain of four suppliers, with changes to its links."""
    links: list[Delegation] = []
    for depth, supplier in enumerate(ACTING):
        above = links[-1] if links else None
        link = make_delegation(
            id=IDS[depth],
            supplier_orgno=supplier,
            depth=depth,
            parent_id=above and above.id,
            delegator_orgno=above and above.supplier_orgno,
            valid_to=NOW + 500 + depth,
        )
        links.append(replace(link, **(changes[depth] if depth < len(changes) else {})))
    return links


def test_the_token_tells_the_whole_chain() -> None:
    """`supplier` is who calls, `delegation_chain` everybody from the first on; a single supplier needs no chain."""
    scope = make_scope(redelegation_depth=3)
    last = ask(world(handed_on(), scope, frozenset()), make_client(orgno=FOURTH))
    claims = access_token.claims(last, ISSUER, NOW, "jti")
    assert claims["supplier"]["ID"] == f"0192:{FOURTH}"
    assert [one["ID"] for one in claims["delegation_chain"]] == [f"0192:{orgno}" for orgno in ACTING]
    assert (last.delegation_ids, last.expires_at) == (("a", "b", "c", "d"), NOW + 500)
    first = ask(world(handed_on(), scope, frozenset()), make_client(orgno=SUPPLIER))
    assert "delegation_chain" not in access_token.claims(first, ISSUER, NOW, "jti")


def of_two(*delegations: Delegation) -> Authorization:
    """Ask for two scopes under these delegations of the consumer to the supplier."""
    scopes = make_scope(SCOPE), make_scope(OTHER_SCOPE)
    facts = policy(*scopes, ScopeAccess(OTHER_SCOPE, CONSUMER, "APPROVED"))
    facts[make_delegation().ref] = delegations
    client = make_client(orgno=SUPPLIER, scopes=frozenset({SCOPE, OTHER_SCOPE}))
    signed = SignedAssertion(
        CLIENT_ID, "k", REQUEST_PROFILES["standard"], "jti", NOW + 100, (SCOPE, OTHER_SCOPE), (), CONSUMER, None
    )
    return authorize(client, signed, facts, ISSUER, NOW)


BOTH = frozenset({SCOPE, OTHER_SCOPE})


def test_one_delegation_that_covers_everything_is_preferred() -> None:
    """A token rests on one delegation where it can, and then tells where its status is read; its life is the same."""
    wide = make_delegation(id="wide", scopes=BOTH, status_index=5, valid_to=NOW + 200)
    longer = make_delegation(id="longer", status_index=6, valid_to=NOW + 900)
    for delegations in ((wide, longer), (longer, wide)):
        found = of_two(*delegations)
        assert (found.delegation_ids, found.status_index, found.expires_at) == (("wide",), 5, NOW + 200)


def test_a_token_that_rests_on_several_delegations_tells_no_status() -> None:
    """A token has room for the status of one; which of two it was would say too little."""
    one = make_delegation(id="one", status_index=5)
    other = make_delegation(id="other", scopes=frozenset({OTHER_SCOPE}), status_index=6)
    found = of_two(one, other)
    assert (found.delegation_ids, found.status_index) == (("one", "other"), None)


def test_the_status_is_that_of_the_delegation_to_who_asks() -> None:
    """Of a chain it is the last link's, which is listed as ended when any above it is."""
    links = [replace(link, status_index=number) for number, link in enumerate(handed_on())]
    facts = world(links, make_scope(redelegation_depth=3), frozenset())
    assert [ask(facts, make_client(orgno=orgno)).status_index for orgno in ACTING] == [0, 1, 2, 3]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "change", [{"status": "revoked"}, {"status": "suspended"}, {"valid_to": NOW}, {"scopes": frozenset()}]
)
def test_any_link_cuts_what_hangs_on_it(place: int, change: dict[str, Any]) -> None:
    """Whoever stands at or below the link that no longer holds gets nothing, whoever stands above it still does."""
    links = handed_on(*[change if number == place else {} for number in range(4)])
    facts = world(links, make_scope(redelegation_depth=3), frozenset())
    for number, orgno in enumerate(ACTING):
        if number < place:
            assert ask(facts, make_client(orgno=orgno)).suppliers == ACTING[: number + 1]
        else:
            with pytest.raises(Refusal) as refused:
                ask(facts, make_client(orgno=orgno))
            assert refused.value.reason is Reason.DELEGATION


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_the_owner_says_how_far(depth: int) -> None:
    """A chain longer than the owner lets it be counts for nothing, also when it was made while that was more."""
    facts = world(handed_on(), make_scope(redelegation_depth=depth), frozenset())
    for number, orgno in enumerate(ACTING):
        if number <= depth:
            assert ask(facts, make_client(orgno=orgno)).consumer_orgno == CONSUMER
        else:
            with pytest.raises(Refusal) as refused:
                ask(facts, make_client(orgno=orgno))
            assert refused.value.reason is Reason.DELEGATION


def test_nothing_more_is_looked_up_for_what_a_consumer_gave_itself() -> None:
    """Only what is handed on leads to further records."""
    assert chains.needed(world(handed_on()[:1], make_scope(), frozenset())) == set()


def test_scopes_without_a_way_in_common_are_refused() -> None:
    """Of two scopes that came by different suppliers no token can tell the chain, so they are asked for apart."""
    direct = make_delegation(supplier_orgno=SECOND)
    given_first = make_delegation(id="d-2", scopes=frozenset({OTHER_SCOPE}))
    handed_on = replace(
        given_first, id="d-3", supplier_orgno=SECOND, parent_id="d-2", delegator_orgno=SUPPLIER, depth=1
    )
    facts: dict[Ref, Fact] = {
        direct.ref: (direct, handed_on),
        given_first.ref: (given_first,),
        Ref("organisation", SUPPLIER): Organisation(SUPPLIER, "The first supplier"),
    }
    scopes = [make_scope(), make_scope(name=OTHER_SCOPE, redelegation_depth=1)]
    assert [chains.covering([one], CONSUMER, SECOND, facts, NOW) for one in scopes] == [
        [(direct,)],
        [(given_first, handed_on)],
    ]
    with refuses(Reason.SCOPES_MIXED):
        chains.covering(scopes, CONSUMER, SECOND, facts, NOW)
