"""Prefixes: namespaces of scopes, each owned by one organisation for ever and never recycled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from authserver.oauth import scope as grammar
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Prefix
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore


def name(value: str) -> str:
    """Return a well-formed prefix. Raises Refusal INVALID."""
    try:
        return grammar.parse_prefix(value)
    except ValueError as fault:
        raise text.invalid(f"The prefix is malformed: {fault}") from None


async def add(
    store: RegistryStore, actor: Actor, now: int, *, prefix: str, owner_orgno: str, reason: str = ""
) -> Prefix:
    """Give an active organisation a prefix. Raises Refusal NOT_ALLOWED, INVALID, NOT_FOUND or, if taken, CONFLICT."""
    rights.operator(actor)
    new = Prefix(name(prefix), number(owner_orgno))
    async with rights.change(store, actor, now, reason) as change:
        await rights.organisation(change, new.owner_orgno)
        present = await change.get(new.ref)
        if isinstance(present, Prefix):
            raise Refusal(Reason.CONFLICT, value=_already(present))
        await change.put(new)
    return new


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, prefix: str, active: bool, reason: str = ""
) -> Prefix:
    """Deactivate a prefix, which stops all its scopes at once, or reactivate it.

    Raises Refusal NOT_ALLOWED or NOT_FOUND. Done again, it changes nothing.
    """
    rights.operator(actor)
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.prefix(change, actor, prefix)
        wanted = replace(present, active=active)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def listed(store: RegistryStore, actor: Actor) -> Sequence[Prefix]:
    """All prefixes by name; for an organisation, its own."""
    return [found for found in await store.prefixes() if rights.is_own(actor, found.owner_orgno)]


async def read(store: RegistryStore, actor: Actor, *, prefix: str) -> Prefix:
    """One prefix of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.prefix(reader, actor, prefix)


async def page(store: RegistryStore, actor: Actor, *, window: Window, owner_orgno: str | None = None) -> Page[Prefix]:
    """Prefixes of one owner, or of all for the operator, by name; for an organisation, its own."""
    shown = window.bounded
    found = await store.prefix_page(shown.and_one_more, rights.concerned(actor, owner_orgno))
    return paged(found, shown, lambda prefix: (prefix.prefix,))


def _already(present: Prefix) -> str:
    if present.active:
        return f"The prefix {present.prefix} is taken by {present.owner_orgno}, and a prefix never changes its owner"
    return (
        f"The prefix {present.prefix} belongs to {present.owner_orgno} and is deactivated; "
        "reactivate it (prefix enable) instead of adding it again"
    )
