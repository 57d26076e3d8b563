"""Delegations: a consumer's mandate to one supplier for some scopes, limited in time and revocable by both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import DELEGATION_LIFE, DELEGATION_LIFE_CEILING
from authserver.oauth.models import Delegation
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore


@dataclass(frozen=True, slots=True)
class NewDelegation:
    """What a consumer wants to delegate. Without `valid_to` (seconds) it lasts a year."""

    consumer_orgno: str
    supplier_orgno: str
    scopes: Collection[str]
    valid_to: int | None = None


async def add(
    store: RegistryStore, actor: Actor, now: int, *, new: NewDelegation, issuer: str, new_id: Callable[[], str]
) -> Delegation:
    """Delegate scopes whose delegations are proved by this authority, `issuer`.

    The consumer need not have access to the scopes yet: a token needs both. Raises Refusal INVALID, NOT_FOUND,
    NOT_DELEGABLE, or CONFLICT when an organisation or scope is deactivated or a scope is delegated already.
    """
    consumer, supplier = number(new.consumer_orgno), number(new.supplier_orgno)
    rights.own(actor, "organisation", consumer)
    if consumer == supplier:
        raise text.invalid("An organisation cannot delegate to itself")
    if not new.scopes:
        raise text.invalid("A delegation names at least one scope")
    wanted = Delegation(new_id(), consumer, supplier, frozenset(new.scopes), now, _end(new.valid_to, now))
    async with rights.change(store, actor, now) as change:
        await rights.organisation(change, consumer)
        await rights.organisation(change, supplier)
        for name in sorted(wanted.scopes):
            await _delegable(change, actor, name, issuer)
        await _refuse_overlap(change, wanted, now)
        await change.put(wanted)
    return wanted


async def revoke(store: RegistryStore, actor: Actor, now: int, *, delegation_id: str, reason: str = "") -> Delegation:
    """End a delegation at once and for ever; its consumer may, and its supplier may lay it down.

    Raises Refusal NOT_FOUND. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.delegation(change, actor, delegation_id)
        revoked = replace(present, status="revoked")
        if revoked != present:
            await change.put(revoked)
    return revoked


async def listed(
    store: RegistryStore, actor: Actor, *, consumer_orgno: str | None = None, supplier_orgno: str | None = None
) -> Sequence[Delegation]:
    """Delegations given by a consumer, held by a supplier, or all; for an organisation, those it gave or holds."""
    rows = await store.delegations(
        None if consumer_orgno is None else number(consumer_orgno),
        None if supplier_orgno is None else number(supplier_orgno),
    )
    return [found for found in rows if rights.is_own(actor, found.consumer_orgno, found.supplier_orgno)]


async def read(store: RegistryStore, actor: Actor, *, delegation_id: str) -> Delegation:
    """One delegation that the actor gave or holds. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.delegation(reader, actor, delegation_id)


async def page(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    consumer_orgno: str | None = None,
    supplier_orgno: str | None = None,
) -> Page[Delegation]:
    """Delegations given by a consumer, held by a supplier, or all, by id; for an organisation, those it gave or holds.

    Raises Refusal INVALID.
    """
    consumer = None if consumer_orgno is None else number(consumer_orgno)
    supplier = None if supplier_orgno is None else number(supplier_orgno)
    party, shown = rights.concerned(actor, None), window.bounded
    found = await store.delegation_page(shown.and_one_more, consumer, supplier, party)
    return paged(found, shown, lambda delegation: (delegation.id,))


async def _delegable(change: Change, actor: Actor, name: str, issuer: str) -> None:
    scope = await rights.visible_scope(change, actor, name)
    if not scope.active:
        raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated by its owner")
    if scope.delegation_source is None:
        raise Refusal(Reason.NOT_DELEGABLE, value=scope.name)
    if scope.delegation_source != issuer:
        raise text.invalid(f"Delegations of {scope.name} are kept by {scope.delegation_source}, not here")


async def _refuse_overlap(change: Change, wanted: Delegation, now: int) -> None:
    """Let no scope stand in two delegations between the same two, lest one outlive the revocation of the other."""
    between = await change.get(wanted.ref)
    for present in between if isinstance(between, tuple) else ():
        if present.status != "revoked" and present.valid_to > now and present.scopes & wanted.scopes:
            raise Refusal(
                Reason.CONFLICT, value=f"The delegation {present.id} has some of these scopes already; revoke it first"
            )


def _end(asked: int | None, now: int) -> int:
    """Return when the delegation stops. Raises Refusal INVALID."""
    if asked is None:
        return now + DELEGATION_LIFE
    if not now < asked <= now + DELEGATION_LIFE_CEILING:
        raise text.invalid("A delegation ends in the future, at most ten years from now")
    return asked
