"""What becomes of a proposed delegation: accepted by its consumer, who decides, consented to by owners, or declined.

What a delegation says never changes: a statement of it may have been given out.
"""

from __future__ import annotations

from dataclasses import replace

from authserver.oauth.delegation import Delegation
from authserver.registry import delegation_rules as rules
from authserver.registry import rights
from authserver.registry.ports import Actor, RegistryStore


async def accept(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    delegation_id: str,
    issuer: str,
    mandate: str = "",
    reason: str = "",
) -> Delegation:
    """Agree to a proposal. The consumer may; it is in force when no owner's consent is missing.

    Raises Refusal NOT_FOUND, NOT_ALLOWED, INVALID, CONFLICT when it is ended or no longer may be given, or
    NOT_DELEGABLE. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        rules.require(actor, present.consumer_orgno)
        if present.parent_id is not None or present.consumer_orgno not in present.awaits:
            return _settled(present)
        rules.require_status(present, "proposed")
        agreed = _without(present, {present.consumer_orgno})
        agreed = rules.stepped(agreed, actor, now, "accepted", mandate)
        agreed = await rules.come_into_force(change, agreed, issuer, now)
        await change.put(agreed)
    return agreed


async def consent(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    delegation_id: str,
    issuer: str,
    owner_orgno: str | None = None,
    mandate: str = "",
    reason: str = "",
) -> Delegation:
    """Agree as the owner of a scope that demands it. The operator agrees for the owner it names, or for all.

    Raises Refusal as `accept` does, NOT_ALLOWED for whoever owns none of its scopes. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        owners = await rules.owners(change, present)
        rules.require(actor, *owners)
        asked = owners & set(present.awaits)
        if present.parent_id is None:
            asked -= {present.consumer_orgno}
        named = owner_orgno if actor.kind == "operator" else actor.orgno
        asked = asked if named is None else asked & {named}
        if not asked:
            return _settled(present)
        rules.require_status(present, "proposed")
        agreed = rules.stepped(_without(present, asked), actor, now, "consented", mandate)
        agreed = await rules.come_into_force(change, agreed, issuer, now)
        await change.put(agreed)
    return agreed


async def decline(
    store: RegistryStore, actor: Actor, now: int, *, delegation_id: str, mandate: str = "", reason: str = ""
) -> Delegation:
    """Turn a proposal down for ever. Either party may, whoever handed it on, and an owner who is asked for consent.

    Raises Refusal NOT_FOUND, NOT_ALLOWED, INVALID, or CONFLICT when it is a proposal no more. Done again, it changes
    nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        rules.require(actor, *rules.parties(present), *present.awaits)
        if present.status == "declined":
            return present
        rules.require_status(present, "proposed")
        declined = rules.stepped(replace(present, status="declined"), actor, now, "declined", mandate)
        await change.put(declined)
    return declined


def _settled(delegation: Delegation) -> Delegation:
    """Return what is agreed already. Raises Refusal CONFLICT if it is out of force."""
    rules.require_status(delegation, "proposed", "active")
    return delegation


def _without(delegation: Delegation, agreed: set[str]) -> Delegation:
    return replace(delegation, awaits=tuple(orgno for orgno in delegation.awaits if orgno not in agreed))
