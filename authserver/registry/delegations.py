"""Delegations: a consumer's mandate to one supplier for some scopes, limited in time and revocable by both.

Either side may propose one, and a consumer may give one at once. It is decided on in `delegation_decisions`, stopped
in `delegation_ending`, and handed on to a further supplier in `redelegation`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from authserver.oauth.delegation import Delegation
from authserver.oauth.models import Scope
from authserver.registry import delegation_rules as rules
from authserver.registry import packages, rights, text
from authserver.registry.delegation_ending import revoke
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore

__all__ = ["NewDelegation", "add", "give", "listed", "page", "propose", "read", "revoke"]


@dataclass(frozen=True, slots=True)
class NewDelegation:
    """What is to be delegated: scopes, or the scopes that a package has now. Without `valid_to` (seconds) for a year.

    `purpose` is for both sides, `mandate` says by what right whoever makes it may.
    """

    consumer_orgno: str
    supplier_orgno: str
    scopes: Collection[str] = ()
    valid_to: int | None = None
    package: str | None = None
    purpose: str = ""
    mandate: str = ""


async def add(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewDelegation,
    issuer: str,
    new_id: Callable[[], str],
    reason: str = "",
) -> Delegation:
    """Delegate scopes whose delegations are proved by this authority, `issuer`, at once. The consumer may.

    It stays proposed while the consent of a scope's owner is missing. The consumer need not have access to the scopes
    yet: a token needs both. Raises Refusal INVALID, NOT_FOUND, NOT_DELEGABLE, or CONFLICT when an organisation or
    scope is deactivated, a scope is delegated already, or an owner's terms do not allow it.
    """
    async with rights.change(store, actor, now, reason or new.mandate) as change:
        return await give(change, actor, now, new=new, issuer=issuer, new_id=new_id)


async def give(
    change: Change, actor: Actor, now: int, *, new: NewDelegation, issuer: str, new_id: Callable[[], str]
) -> Delegation:
    """Delegate within a transaction that is under way, as `add` does, and for the same refusals.

    Nothing is put when it refuses, so that a further delegation may follow in the same transaction.
    """
    consumer = number(new.consumer_orgno)
    rights.own(actor, "organisation", consumer)
    wanted, scopes = await _wanted(change, actor, now, new, issuer, new_id)
    asked = tuple(owner for owner in rules.owners_to_consent(scopes, actor) if owner != consumer)
    given = rules.stepped(replace(wanted, proposed_by=consumer, awaits=asked), actor, now, "accepted", new.mandate)
    given = await rules.come_into_force(change, given, issuer, now)
    await change.put(given)
    return given


async def propose(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewDelegation,
    issuer: str,
    new_id: Callable[[], str],
    proposed_by: str | None = None,
    reason: str = "",
) -> Delegation:
    """Propose a delegation, for the consumer to decide on. Consumer or supplier may.

    The operator says for whom of the two, else it is the supplier. Raises Refusal as `add` does.
    """
    consumer, supplier = number(new.consumer_orgno), number(new.supplier_orgno)
    rights.own(actor, "organisation", consumer, supplier)
    proposer = actor.orgno if actor.kind == "organisation" else number(proposed_by or supplier)
    if proposer not in (consumer, supplier):
        raise text.invalid("A delegation is proposed by its consumer or its supplier")
    async with rights.change(store, actor, now, reason or new.mandate) as change:
        wanted, scopes = await _wanted(change, actor, now, new, issuer, new_id)
        asked = tuple(sorted({consumer, *rules.owners_to_consent(scopes, actor)}))
        proposed = replace(wanted, proposed_by=proposer, awaits=asked)
        proposed = rules.stepped(proposed, actor, now, "proposed", new.mandate)
        await change.put(proposed)
    return proposed


async def listed(
    store: RegistryStore, actor: Actor, *, consumer_orgno: str | None = None, supplier_orgno: str | None = None
) -> Sequence[Delegation]:
    """Delegations on behalf of a consumer, held by a supplier, or all; for an organisation, where it is a party."""
    rows = await store.delegations(
        None if consumer_orgno is None else number(consumer_orgno),
        None if supplier_orgno is None else number(supplier_orgno),
    )
    return [found for found in rows if rights.is_own(actor, *rules.parties(found))]


async def read(store: RegistryStore, actor: Actor, *, delegation_id: str) -> Delegation:
    """One delegation that concerns the actor. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.delegation(reader, actor, delegation_id)


async def page(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    consumer_orgno: str | None = None,
    supplier_orgno: str | None = None,
    owner_orgno: str | None = None,
) -> Page[Delegation]:
    """Delegations by id, on behalf of a consumer, held by a supplier, with scopes of an owner, or all.

    For an organisation, those it gave, holds or handed on; with itself as the owner, those with scopes of its own.
    Raises Refusal INVALID.
    """
    consumer, supplier, owner = (
        None if orgno is None else number(orgno) for orgno in (consumer_orgno, supplier_orgno, owner_orgno)
    )
    party, shown = rights.concerned(actor, None), window.bounded
    if owner is not None and owner == party:
        party = None
    found = await store.delegation_page(shown.and_one_more, consumer, supplier, party, owner)
    return paged(found, shown, lambda delegation: (delegation.id,))


async def _wanted(
    change: Change, actor: Actor, now: int, new: NewDelegation, issuer: str, new_id: Callable[[], str]
) -> tuple[Delegation, list[Scope]]:
    """Make a proposal of what is asked for, held against everything that must hold, and its scopes."""
    consumer, supplier = number(new.consumer_orgno), number(new.supplier_orgno)
    if consumer == supplier:
        raise text.invalid("An organisation cannot delegate to itself")
    if bool(new.scopes) == (new.package is not None):
        raise text.invalid("A delegation names at least one scope, or a package instead")
    names = frozenset(new.scopes)
    if new.package is not None:
        names = (await packages.published(change, new.package)).scopes
    scopes = await rules.visible_scopes(change, actor, names)
    wanted = Delegation(
        new_id(),
        consumer,
        supplier,
        names,
        valid_from=now,
        valid_to=rules.end(new.valid_to, now, scopes),
        status="proposed",
        purpose=text.prose(new.purpose, "purpose").strip(),
        package=new.package,
    )
    await rules.require_terms(change, wanted, scopes, issuer)
    await rules.refuse_overlap(change, wanted, now)
    return wanted, scopes
