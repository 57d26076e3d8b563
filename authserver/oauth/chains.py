"""Chains of delegations: from a consumer's first supplier, hop by hop, to the one that asks.

A hop counts only while everything it hangs on does: one rule for each link, and whatever is absent refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from authserver.oauth.delegation import Delegation
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Facts, Organisation, Ref, Scope

MOST_HOPS: Final = 3
Chain = tuple[Delegation, ...]
"""The delegation that the consumer gave first, the one that its supplier handed on next, and so on."""


def needed(facts: Facts) -> set[Ref]:
    """Name what the delegations among these facts hang on, and who handed them on, as far as it is not there yet.

    Asked for until there is nothing more, at most `MOST_HOPS` times.
    """
    refs: set[Ref] = set()
    for fact in facts.values():
        for delegation in fact if isinstance(fact, tuple) else ():
            if delegation.status == "active" and delegation.parent_ref is not None:
                refs |= {delegation.parent_ref, Ref("organisation", delegation.parent_ref.other)}
    return refs - facts.keys()


def covering(scopes: Sequence[Scope], consumer: str, supplier: str, facts: Facts, now: int) -> list[Chain]:
    """Return for each scope the chain that covers it now, all of them by way of the same suppliers.

    The fewest suppliers are preferred, among equal ways the one that lasts longest, and one chain for all scopes where
    there is one. Raises Refusal DELEGATION for a scope without any, SCOPES_MIXED if the scopes have no way in common,
    for a token tells one.
    """
    by_scope: list[dict[tuple[str, ...], Chain]] = []
    for scope in scopes:
        ways: dict[tuple[str, ...], Chain] = {}
        for chain in _chains(scope, consumer, supplier, facts, now):
            way = suppliers(chain)
            if way not in ways or end(chain) > end(ways[way]):
                ways[way] = chain
        if not ways:
            raise Refusal(Reason.DELEGATION, value=not_delegated(scope, consumer, supplier))
        by_scope.append(ways)
    common = set.intersection(*(set(ways) for ways in by_scope))
    if not common:
        raise Refusal(Reason.SCOPES_MIXED, detail="chains of delegations")
    chosen = min(common, key=lambda way: (len(way), -min(end(ways[way]) for ways in by_scope), way))
    found = [ways[chosen] for ways in by_scope]
    # It ends no sooner than they all do together, and only what rests on one delegation can name its status.
    alone = [chain for chain in found if all(_chain(chain[-1], scope, facts, now) for scope in scopes)]
    return alone[:1] * len(scopes) or found


def status_index(proving: Sequence[Chain]) -> int | None:
    """Return the place in the status lists of the one delegation that all of this rests on, None if there is no such.

    It is the last link: a delegation that hangs on one that is ended is itself ended in the lists.
    """
    last = {chain[-1].status_index for chain in proving}
    return last.pop() if len(last) == 1 else None


def suppliers(chain: Chain) -> tuple[str, ...]:
    """Return who acts, from the consumer's first supplier to the one that asks."""
    return tuple(delegation.supplier_orgno for delegation in chain)


def end(chain: Collection[Delegation]) -> int:
    """Return when the first of its links stops, in seconds."""
    return min(delegation.valid_to for delegation in chain)


def not_delegated(scope: Scope, consumer: str, supplier: str) -> str:
    """Say that a scope is not delegated."""
    return f"Consumer {consumer} has not delegated access to the scope {scope.name} to supplier {supplier}"


def _chains(scope: Scope, consumer: str, supplier: str, facts: Facts, now: int) -> Iterator[Chain]:
    found = facts.get(Ref("delegations", consumer, supplier))
    for delegation in found if isinstance(found, tuple) else ():
        chain = _chain(delegation, scope, facts, now)
        if chain is not None:
            yield chain


def _chain(delegation: Delegation, scope: Scope, facts: Facts, now: int) -> Chain | None:
    """Follow a delegation up to the consumer; None if any link does not hold, or anybody occurs twice."""
    links = [delegation]
    while (last := links[-1]).parent_ref is not None:
        above = _above(last, facts)
        if above is None or len(links) > min(scope.redelegation_depth, MOST_HOPS):
            return None
        links.append(above)
    first, parties = links[-1], {delegation.consumer_orgno, *(link.supplier_orgno for link in links)}
    given_by_consumer = first.parent_id is None and first.depth == 0
    if not given_by_consumer or len(parties) <= len(links) or not all(_covers(link, scope, now) for link in links):
        return None
    return tuple(reversed(links))


def _above(delegation: Delegation, facts: Facts) -> Delegation | None:
    """Find what a delegation hangs on, held by an active organisation."""
    ref = delegation.parent_ref
    found = None if ref is None else facts.get(ref)
    holder = facts.get(Ref("organisation", delegation.delegator_orgno or ""))
    if not isinstance(found, tuple) or not isinstance(holder, Organisation) or not holder.active:
        return None
    return next((one for one in found if one.id == delegation.parent_id and one.depth == delegation.depth - 1), None)


def _covers(delegation: Delegation, scope: Scope, now: int) -> bool:
    return (
        delegation.status == "active"
        and scope.name in delegation.scopes
        and (not scope.delegation_suppliers or delegation.supplier_orgno in scope.delegation_suppliers)
        and delegation.valid_from <= now < delegation.valid_to
    )
