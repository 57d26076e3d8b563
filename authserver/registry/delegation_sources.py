"""Registers of delegations that other authorities keep; the operator says which of them scopes may rely on."""

from __future__ import annotations

from dataclasses import replace

from authserver.oauth import scope as grammar
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import DelegationSource, Ref
from authserver.registry import rights, text
from authserver.registry.paging import MOST, Page, Window, paged
from authserver.registry.ports import Actor, Change, Reader, RegistryStore


async def add(
    store: RegistryStore, actor: Actor, now: int, *, source: DelegationSource, own: str, reason: str = ""
) -> DelegationSource:
    """Let scopes name a register of another authority; `own` is this authority's issuer. The operator may.

    Raises Refusal NOT_ALLOWED, INVALID, or CONFLICT if it is there already.
    """
    rights.operator(actor)
    new = replace(_checked(source), active=True)
    if new.issuer == own:
        raise text.invalid("This authority's own register need not be registered")
    async with rights.change(store, actor, now, reason) as change:
        if await change.get(new.ref) is not None:
            raise Refusal(Reason.CONFLICT, value="The register is known already; reactivate or change it instead")
        await change.put(new)
    return new


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, issuer: str, active: bool, reason: str = ""
) -> DelegationSource:
    """Stop relying on a register, effective at once, or rely on it again. The operator may.

    Raises Refusal NOT_ALLOWED or NOT_FOUND. Done again, it changes nothing.
    """
    rights.operator(actor)
    async with rights.change(store, actor, now, reason) as change:
        present = await read_in(change, issuer=issuer)
        wanted = replace(present, active=active)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def read_in(reader: Reader | Change, *, issuer: str) -> DelegationSource:
    """One register. Raises Refusal NOT_FOUND."""
    found = await reader.get(Ref("delegation_source", issuer)) if text.fit(issuer) else None
    if not isinstance(found, DelegationSource):
        raise rights.unknown("delegation source")
    return found


async def page(store: RegistryStore, actor: Actor, *, window: Window) -> Page[DelegationSource]:
    """Registers by issuer. The operator may see how they are asked. Raises Refusal NOT_ALLOWED."""
    rights.operator(actor)
    shown = window.bounded
    return paged(await store.delegation_source_page(shown.and_one_more), shown, lambda source: (source.issuer,))


async def relied_on(store: RegistryStore) -> list[DelegationSource]:
    """The registers that scopes may rely on besides our own, by issuer; anybody may know."""
    return [found for found in await store.delegation_source_page(Window(limit=MOST)) if found.active]


def _checked(source: DelegationSource) -> DelegationSource:
    if not source.lookup_url.startswith(("https://", "http://")):
        raise text.invalid("The look-up address is not an http or https URL")
    try:
        grammar.parse_name(source.token_scope)
    except ValueError as fault:
        raise text.invalid(f"The scope of our own token is malformed: {fault}") from None
    return replace(
        source,
        issuer=text.absolute_uri(source.issuer, "issuer"),
        lookup_url=text.absolute_uri(source.lookup_url, "look-up address"),
        name=text.line(source.name, "name", required=True),
    )
