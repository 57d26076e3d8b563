"""What of the registry anyone may read: public scopes, prefixes, and the names of organisations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from authserver.oauth.models import Facts, Organisation, Prefix, Ref, Scope
from authserver.registry import rights
from authserver.registry.organisations import number
from authserver.registry.ports import RegistryStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which public scopes to list; None leaves out nothing."""

    prefix: str | None = None
    inactive: bool = False
    delegation_source: str | None = None
    accessible_for_all: bool | None = None
    integration_type: str | None = None


async def scopes(store: RegistryStore, wanted: Wanted) -> Sequence[Scope]:
    """Scopes that their owner made PUBLIC, by name; deactivated ones, and those of deactivated prefixes, if asked."""
    stopped = {found.prefix for found in await store.prefixes() if not found.active}
    return [
        found
        for found in await store.scopes()
        if found.visibility == "PUBLIC"
        and (wanted.inactive or (found.active and found.prefix not in stopped))
        and wanted.prefix in (None, found.prefix)
        and wanted.delegation_source in (None, found.delegation_source)
        and wanted.accessible_for_all in (None, found.accessible_for_all)
        and (not found.allowed_integration_types or wanted.integration_type in (None, *found.allowed_integration_types))
    ]


async def prefixes(store: RegistryStore, *, inactive: bool = False) -> Sequence[Prefix]:
    """All prefixes and whose they are, by name; deactivated ones if asked."""
    return [found for found in await store.prefixes() if found.active or inactive]


async def organisation(read: Callable[[Collection[Ref]], Awaitable[Facts]], *, orgno: str) -> Organisation:
    """One registered organisation; its name is public. Raises Refusal INVALID or NOT_FOUND."""
    ref = Ref("organisation", number(orgno))
    found = (await read([ref]))[ref]
    if not isinstance(found, Organisation):
        raise rights.unknown("organisation")
    return found
