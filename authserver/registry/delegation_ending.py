"""Delegations put out of force, for a while or for ever: each stop counts at once, for all that hangs on it too.

Whoever suspended one resumes it; of several who did, each for itself.
"""

from __future__ import annotations

from dataclasses import replace

from authserver.oauth.delegation import Delegation
from authserver.oauth.errors import Reason, Refusal
from authserver.registry import delegation_rules as rules
from authserver.registry import rights
from authserver.registry.ports import Actor, Reader, RegistryStore


async def suspend(
    store: RegistryStore, actor: Actor, now: int, *, delegation_id: str, mandate: str = "", reason: str = ""
) -> Delegation:
    """Put a delegation out of force at once, until whoever does so resumes it; all that hangs on it stops as well.

    The consumer may, whoever handed it on, the operator, and an owner of all its scopes. Raises Refusal NOT_FOUND,
    NOT_ALLOWED, INVALID, or CONFLICT when it never was in force or is ended. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        await _require_giver(change, actor, present)
        if present.status == "suspended" and rules.acting(actor) in rules.suspended_by(present):
            return present
        rules.require_status(present, "active", "suspended")
        suspended = rules.stepped(replace(present, status="suspended"), actor, now, "suspended", mandate)
        await change.put(suspended)
    return suspended


async def resume(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    delegation_id: str,
    issuer: str,
    mandate: str = "",
    reason: str = "",
) -> Delegation:
    """Take back one's own suspension; in force again when nobody else's is left. The operator takes back everybody's.

    What must hold of a delegation is looked at again. Raises Refusal NOT_FOUND, NOT_ALLOWED, INVALID, NOT_DELEGABLE,
    or CONFLICT when it is ended, or suspended by others only. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        await _require_giver(change, actor, present)
        if present.status == "active":
            return present
        rules.require_status(present, "suspended")
        if actor.kind != "operator" and actor.orgno not in rules.suspended_by(present):
            raise Refusal(Reason.CONFLICT, value="The delegation is suspended by another, who alone may resume it")
        resumed = rules.stepped(present, actor, now, "resumed", mandate)
        if not rules.suspended_by(resumed):
            resumed = await rules.come_into_force(change, resumed, issuer, now)
        await change.put(resumed)
    return resumed


async def revoke(
    store: RegistryStore, actor: Actor, now: int, *, delegation_id: str, mandate: str = "", reason: str = ""
) -> Delegation:
    """End a delegation at once and for ever, and with it all that hangs on it; a proposal is withdrawn by it.

    The consumer may, its supplier may lay it down, whoever handed it on may, the operator, and an owner of all its
    scopes. Raises Refusal NOT_FOUND, NOT_ALLOWED or INVALID. Done again, or when it is declined, it changes nothing.
    """
    async with rights.change(store, actor, now, reason or mandate) as change:
        present = await rights.delegation(change, actor, delegation_id)
        if not rights.is_own(actor, present.supplier_orgno):
            await _require_giver(change, actor, present)
        if present.status in ("revoked", "declined"):
            return present
        revoked = rules.stepped(replace(present, status="revoked"), actor, now, "revoked", mandate)
        await change.put(revoked)
    return revoked


async def _require_giver(reader: Reader, actor: Actor, delegation: Delegation) -> None:
    """Admit who gave it, or handed it on. An owner is admitted when it owns all: what others own is not its to stop.

    Raises Refusal NOT_ALLOWED.
    """
    if await rules.owners(reader, delegation) == {actor.orgno}:
        return
    rules.require(actor, *(orgno for orgno in rules.parties(delegation) if orgno != delegation.supplier_orgno))
