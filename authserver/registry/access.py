"""Access: the scope owner's answer to whether a consumer may have a scope. Only APPROVED admits."""

from __future__ import annotations

from collections.abc import Sequence

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Ref, ScopeAccess
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.ports import Actor, RegistryStore


async def grant(
    store: RegistryStore, actor: Actor, now: int, *, scope: str, consumer_orgno: str, reason: str = ""
) -> ScopeAccess:
    """Let a consumer have an active scope; a denied or requested access becomes approved.

    Raises Refusal NOT_FOUND, INVALID or CONFLICT. Done again, it changes nothing.
    """
    consumer = number(consumer_orgno)
    async with rights.change(store, actor, now, reason) as change:
        found = await rights.scope(change, actor, scope)
        if not found.active:
            raise Refusal(Reason.CONFLICT, value=f"The scope {found.name} is deactivated; reactivate it first")
        await rights.organisation(change, consumer)
        wanted = ScopeAccess(found.name, consumer, "APPROVED")
        if await change.get(wanted.ref) != wanted:
            await change.put(wanted)
    return wanted


async def revoke(
    store: RegistryStore, actor: Actor, now: int, *, scope: str, consumer_orgno: str, reason: str = ""
) -> ScopeAccess:
    """Take a scope from a consumer, effective at once; the row stays, DENIED.

    Raises Refusal NOT_FOUND if the consumer never had or asked for the scope. Done again, it changes nothing.
    """
    consumer = number(consumer_orgno)
    async with rights.change(store, actor, now, reason) as change:
        found = await rights.scope(change, actor, scope)
        present = await change.get(Ref("access", found.name, consumer))
        if not isinstance(present, ScopeAccess):
            raise rights.unknown("access")
        wanted = ScopeAccess(found.name, consumer, "DENIED")
        if present != wanted:
            await change.put(wanted)
    return wanted


async def listed(
    store: RegistryStore, actor: Actor, *, scope: str | None = None, consumer_orgno: str | None = None
) -> Sequence[ScopeAccess]:
    """Access by scope and consumer; for an organisation, what it gave and what it got."""
    if scope is not None and not text.fit(scope):
        return []
    rows = await store.accesses(scope, None if consumer_orgno is None else number(consumer_orgno))
    if actor.kind == "operator":
        return rows
    owned = {found.name for found in await store.scopes() if found.owner_orgno == actor.orgno}
    return [row for row in rows if row.scope in owned or row.consumer_orgno == actor.orgno]
