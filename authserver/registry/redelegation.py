"""Re-delegation: a supplier hands on to a further one what it holds, as far as every owner lets it.

Each hop only narrows: fewer scopes, no later end. What is handed on stands and falls with what it hangs on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from authserver.oauth.delegation import Delegation
from authserver.oauth.errors import Reason, Refusal
from authserver.registry import delegation_rules as rules
from authserver.registry import rights, text
from authserver.registry.delegation_terms import MOST_HOPS
from authserver.registry.organisations import number
from authserver.registry.ports import Actor, Change, RegistryStore


@dataclass(frozen=True, slots=True)
class NewHop:
    """What a supplier hands on of the delegation `parent_id`: some of its scopes, none meaning all of them."""

    parent_id: str
    supplier_orgno: str
    scopes: Collection[str] = ()
    valid_to: int | None = None
    purpose: str = ""
    mandate: str = ""


async def redelegate(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewHop,
    issuer: str,
    new_id: Callable[[], str],
    reason: str = "",
) -> Delegation:
    """Hand a delegation on. Its supplier may, while it and all it hangs on are in force.

    It stays proposed while the consent of a scope's owner is missing. Raises Refusal INVALID, NOT_FOUND, NOT_ALLOWED,
    NOT_DELEGABLE, or CONFLICT as `delegations.add` does, and when an owner does not let it be handed on that far.
    """
    supplier = number(new.supplier_orgno)
    async with rights.change(store, actor, now, reason or new.mandate) as change:
        parent = await rights.delegation(change, actor, new.parent_id)
        if not rights.is_own(actor, parent.supplier_orgno):
            raise Refusal(Reason.NOT_ALLOWED)
        hop = await _hop(change, parent, supplier, now, _handed_on(new, parent), new_id)
        scopes = await rules.scopes_of(change, hop)
        await rules.require_terms(change, hop, scopes, issuer)
        await rules.refuse_overlap(change, hop, now)
        hop = replace(
            hop,
            valid_to=rules.end(new.valid_to, now, scopes, parent.valid_to),
            purpose=text.prose(new.purpose, "purpose").strip(),
            awaits=rules.owners_to_consent(scopes, actor),
        )
        hop = rules.stepped(hop, actor, now, "redelegated", new.mandate)
        hop = await rules.come_into_force(change, hop, issuer, now)
        await change.put(hop)
    return hop


def _handed_on(new: NewHop, parent: Delegation) -> frozenset[str]:
    """Return the scopes that are handed on. Raises Refusal INVALID for one that is not held."""
    wanted = frozenset(new.scopes) or parent.scopes
    if not wanted <= parent.scopes:
        raise text.invalid("Only scopes of the delegation itself can be handed on")
    return wanted


async def _hop(
    change: Change, parent: Delegation, supplier: str, now: int, scopes: frozenset[str], new_id: Callable[[], str]
) -> Delegation:
    """Make the hop, if what it hangs on stands and nobody occurs twice. Raises Refusal CONFLICT or INVALID."""
    chain = [parent, *await rules.ancestors(change, parent)]
    for above in chain:
        rules.require_standing(above, now)
    if supplier in {parent.consumer_orgno, *(above.supplier_orgno for above in chain)}:
        raise text.invalid("Nobody occurs twice in a chain of delegations")
    if parent.depth == MOST_HOPS:
        raise Refusal(Reason.CONFLICT, value=f"A delegation is handed on {MOST_HOPS} times at most")
    return Delegation(
        new_id(),
        parent.consumer_orgno,
        supplier,
        scopes,
        valid_from=now,
        valid_to=parent.valid_to,
        status="proposed",
        parent_id=parent.id,
        delegator_orgno=parent.supplier_orgno,
        depth=parent.depth + 1,
        proposed_by=parent.supplier_orgno,
    )
