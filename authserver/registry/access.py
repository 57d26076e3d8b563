"""Access: the scope owner's answer to whether a consumer may have a scope. Only APPROVED admits."""

from __future__ import annotations

from collections.abc import Sequence

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Ref, Scope, ScopeAccess
from authserver.registry import access_requests, rights, text
from authserver.registry.guarded import ChangedMeanwhileError
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore


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
            await access_requests.settle(change, wanted, now, reason)
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
            await access_requests.settle(change, wanted, now, reason)
    return wanted


async def deny(
    store: RegistryStore, actor: Actor, now: int, *, scope: str, consumer_orgno: str, reason: str
) -> ScopeAccess:
    """Refuse a consumer a scope it asked for or had, and say why, effective at once.

    Raises Refusal NOT_FOUND as `revoke` does, INVALID without a reason. Done again, it changes nothing.
    """
    text.line(reason, "reason", required=True)
    return await revoke(store, actor, now, scope=scope, consumer_orgno=consumer_orgno, reason=reason)


async def seen(change: Change, actor: Actor, *, scope: str, consumer_orgno: str) -> ScopeAccess:
    """One access to a scope of the actor's, to be compared with what a caller saw of it.

    Raises Refusal NOT_FOUND if the scope is not the actor's or INVALID, ChangedMeanwhileError if there is no access.
    """
    consumer = number(consumer_orgno)
    found = await rights.scope(change, actor, scope)
    present = await change.get(Ref("access", found.name, consumer))
    if not isinstance(present, ScopeAccess):
        raise ChangedMeanwhileError
    return present


async def read(store: RegistryStore, actor: Actor, *, scope: str, consumer_orgno: str) -> ScopeAccess:
    """One access that the actor gave or got. Raises Refusal NOT_FOUND or INVALID."""
    ref = Ref("access", scope, number(consumer_orgno))
    async with store.reading() as reader:
        found = await reader.get(ref) if text.fit(scope) else None
        owned = await reader.get(Ref("scope", scope)) if isinstance(found, ScopeAccess) else None
    if not (isinstance(found, ScopeAccess) and isinstance(owned, Scope)):
        raise rights.unknown("access")
    rights.own(actor, "access", owned.owner_orgno, found.consumer_orgno)
    return found


async def given(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    owner_orgno: str | None = None,
    scope: str | None = None,
    consumer_orgno: str | None = None,
) -> Page[ScopeAccess]:
    """Access to one owner's scopes, or to all for the operator, by scope and consumer; for an organisation, its own."""
    if scope is not None and not text.fit(scope):
        return Page(())
    consumer = None if consumer_orgno is None else number(consumer_orgno)
    owner, shown = rights.concerned(actor, owner_orgno), window.bounded
    found = await store.access_page(shown.and_one_more, scope=scope, consumer_orgno=consumer, owner_orgno=owner)
    return paged(found, shown, _key)


async def received(
    store: RegistryStore, actor: Actor, *, window: Window, consumer_orgno: str | None = None
) -> Page[ScopeAccess]:
    """Access that one consumer has, had or asked for, or all for the operator; for an organisation, its own."""
    consumer, shown = rights.concerned(actor, consumer_orgno), window.bounded
    return paged(await store.access_page(shown.and_one_more, consumer_orgno=consumer), shown, _key)


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


def _key(access: ScopeAccess) -> tuple[str, ...]:
    return access.scope, access.consumer_orgno
