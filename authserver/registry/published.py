"""What of the registry anyone may read: public scopes, prefixes, and the names of organisations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Published:
    """All that was public at one moment: prefixes by name, and by prefix the scopes, deactivated ones among them."""

    prefixes: Sequence[Prefix]
    scopes: Mapping[str, Sequence[Scope]]
    sources: frozenset[str | None]

    def wanted_scopes(self, wanted: Wanted) -> Sequence[Scope]:
        """Scopes by prefix and name; deactivated ones, and those of deactivated prefixes, if asked.

        A prefix or a source that nothing has costs nothing to look for.
        """
        if wanted.delegation_source not in self.sources | {None}:
            return ()
        stopped = {found.prefix for found in self.prefixes if not found.active}
        named = self.scopes if wanted.prefix is None else {wanted.prefix} & self.scopes.keys()
        return [
            found
            for prefix in named
            if wanted.inactive or prefix not in stopped
            for found in self.scopes[prefix]
            if _takes(wanted, found)
        ]

    def wanted_prefixes(self, *, inactive: bool) -> Sequence[Prefix]:
        """Prefixes by name; deactivated ones if asked."""
        return [found for found in self.prefixes if found.active or inactive]


async def read(store: RegistryStore) -> Published:
    """Read all that is public; it costs as much as there is."""
    prefixes, scopes = await store.prefixes(), defaultdict[str, list[Scope]](list)
    for found in await store.scopes():
        if found.visibility == "PUBLIC":
            scopes[found.prefix].append(found)
    sources = {found.delegation_source for some in scopes.values() for found in some}
    return Published(prefixes, dict(sorted(scopes.items())), frozenset(sources))


async def organisation(read: Callable[[Collection[Ref]], Awaitable[Facts]], *, orgno: str) -> Organisation:
    """One registered organisation; its name is public. Raises Refusal INVALID or NOT_FOUND."""
    ref = Ref("organisation", number(orgno))
    found = (await read([ref]))[ref]
    if not isinstance(found, Organisation):
        raise rights.unknown("organisation")
    return found


def _takes(wanted: Wanted, scope: Scope) -> bool:
    return (
        (wanted.inactive or scope.active)
        and wanted.delegation_source in (None, scope.delegation_source)
        and wanted.accessible_for_all in (None, scope.accessible_for_all)
        and (not scope.allowed_integration_types or wanted.integration_type in (None, *scope.allowed_integration_types))
    )
