"""Organisations: registered by the operator under their number, deactivated and reactivated, never removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from authserver.oauth import orgno as numbers
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Organisation, Ref
from authserver.registry import quotas, rights, text
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, Quota, Reader, RegistryStore


def number(value: str) -> str:
    """Return the nine digits of an organisation number. Raises Refusal INVALID."""
    try:
        return numbers.parse(value)
    except ValueError:
        raise text.invalid("The organisation number is not nine digits with a valid check digit") from None


async def add(store: RegistryStore, actor: Actor, now: int, *, orgno: str, name: str, reason: str = "") -> Organisation:
    """Register an organisation. Raises Refusal NOT_ALLOWED, INVALID or, if it is registered already, CONFLICT."""
    rights.operator(actor)
    new = Organisation(number(orgno), text.line(name, "name", required=True))
    async with rights.change(store, actor, now, reason) as change:
        present = await change.get(new.ref)
        if isinstance(present, Organisation):
            raise Refusal(Reason.CONFLICT, value=_already(present))
        await change.put(new)
    return new


async def rename(
    store: RegistryStore, actor: Actor, now: int, *, orgno: str, name: str, reason: str = ""
) -> Organisation:
    """Change an organisation's name. Raises Refusal NOT_ALLOWED, INVALID or NOT_FOUND."""
    rights.operator(actor)
    fit_name = text.line(name, "name", required=True)
    async with rights.change(store, actor, now, reason) as change:
        return await _put(change, replace(await _read(change, number(orgno)), name=fit_name))


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, orgno: str, active: bool, reason: str = ""
) -> Organisation:
    """Deactivate an organisation, or reactivate it; what it owns, its clients and its delegations follow at once.

    Raises Refusal NOT_ALLOWED, INVALID or NOT_FOUND. Done again, it changes nothing.
    """
    rights.operator(actor)
    async with rights.change(store, actor, now, reason) as change:
        return await _put(change, replace(await _read(change, number(orgno)), active=active))


async def amend(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    orgno: str,
    name: str | None = None,
    active: bool | None = None,
    limits: Mapping[Quota, int | None] | None = None,
    reason: str = "",
) -> Organisation:
    """Rename an organisation, deactivate or reactivate it, limit what it may have, in one change.

    None leaves things as they are; of the `limits` that are named, None means the default.

    Raises Refusal NOT_ALLOWED, INVALID or NOT_FOUND. Done again, it changes nothing.
    """
    rights.operator(actor)
    fit_name = None if name is None else text.line(name, "name", required=True)
    async with rights.change(store, actor, now, reason) as change:
        present = await _read(change, number(orgno))
        named = present if fit_name is None else replace(present, name=fit_name)
        limited = quotas.applied(named, limits or {})
        return await _put(change, limited if active is None else replace(limited, active=active))


async def listed(store: RegistryStore, actor: Actor) -> Sequence[Organisation]:
    """All organisations by number; for an organisation, itself."""
    return [found for found in await store.organisations() if rights.is_own(actor, found.orgno)]


async def read(store: RegistryStore, actor: Actor, *, orgno: str) -> Organisation:
    """One organisation, deactivated or not, for the operator or for itself. Raises Refusal NOT_FOUND or INVALID."""
    async with store.reading() as reader:
        return await read_in(reader, actor, orgno=orgno)


async def read_in(reader: Reader, actor: Actor, *, orgno: str) -> Organisation:
    """One organisation as `read` gives it, in a transaction of the caller's."""
    ref = Ref("organisation", number(orgno))
    rights.own(actor, "organisation", ref.id)
    found = await reader.get(ref)
    if not isinstance(found, Organisation):
        raise rights.unknown("organisation")
    return found


async def page(store: RegistryStore, actor: Actor, *, window: Window) -> Page[Organisation]:
    """All organisations by number. Raises Refusal NOT_ALLOWED for anybody but the operator."""
    rights.operator(actor)
    shown = window.bounded
    found = await store.organisation_page(shown.and_one_more)
    return paged(found, shown, lambda organisation: (organisation.orgno,))


async def _read(change: Change, orgno: str) -> Organisation:
    found = await change.get(Ref("organisation", orgno))
    if not isinstance(found, Organisation):
        raise rights.unknown("organisation")
    return found


async def _put(change: Change, wanted: Organisation) -> Organisation:
    if await change.get(wanted.ref) != wanted:
        await change.put(wanted)
    return wanted


def _already(present: Organisation) -> str:
    if present.active:
        return f"The organisation {present.orgno} is registered already"
    return (
        f"The organisation {present.orgno} is registered and deactivated; "
        "reactivate it (org enable, or PUT with active=true) instead of adding it again"
    )
