"""Packages: scopes that their owner publishes under one name, so that consumers delegate them together.

A package is public, and so are the scopes in it. What is given with it stays as given, whatever becomes of the package.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Package, Ref, Scope
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, Reader, RegistryStore
from authserver.registry.scopes import split

MOST_SCOPES: Final = 100


async def add(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    name: str,
    title: str,
    scopes: Collection[str],
    reason: str = "",
) -> Package:
    """Publish a package under an active prefix of the actor's, of public scopes of the same owner.

    Raises Refusal INVALID, NOT_FOUND for a prefix or scope that is not the actor's, or CONFLICT.
    """
    prefix, _ = split(name)
    async with rights.change(store, actor, now, reason) as change:
        owned = await rights.prefix(change, actor, prefix)
        if not owned.active:
            raise Refusal(Reason.CONFLICT, value=f"The prefix {owned.prefix} is deactivated; reactivate it first")
        await rights.organisation(change, owned.owner_orgno)
        package = Package(name, owned.owner_orgno, _title(title), frozenset(scopes))
        await _require_scopes(change, package)
        present = await change.get(package.ref)
        if isinstance(present, Package):
            state = "exists already" if present.active else "exists and is deactivated; reactivate it instead"
            raise Refusal(Reason.CONFLICT, value=f"The package {present.name} {state}")
        await change.put(package)
    return package


async def amend(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    name: str,
    title: str | None = None,
    scopes: Collection[str] | None = None,
    active: bool | None = None,
    reason: str = "",
) -> Package:
    """Change what is named of a package, for delegations to come; None leaves it. The owner may.

    Raises Refusal NOT_FOUND or INVALID. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.package(change, actor, name)
        wanted = replace(
            present,
            title=present.title if title is None else _title(title),
            scopes=present.scopes if scopes is None else frozenset(scopes),
            active=present.active if active is None else active,
        )
        if scopes is not None:
            await _require_scopes(change, wanted)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def published(reader: Reader, name: str) -> Package:
    """Read a package that can be delegated. Raises Refusal NOT_FOUND, or CONFLICT if it is deactivated."""
    found = await reader.get(Ref("package", name)) if text.fit(name) else None
    if not isinstance(found, Package):
        raise rights.unknown("package")
    if not found.active:
        raise Refusal(Reason.CONFLICT, value=f"The package {found.name} is deactivated by its owner")
    return found


async def read(store: RegistryStore, actor: Actor, *, name: str) -> Package:
    """One package of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.package(reader, actor, name)


async def page(store: RegistryStore, *, window: Window, owner_orgno: str | None = None) -> Page[Package]:
    """Packages of one owner, or all, by name; whoever asks may see them. Raises Refusal INVALID."""
    owner, shown = None if owner_orgno is None else number(owner_orgno), window.bounded
    found = await store.package_page(shown.and_one_more, owner)
    return paged(found, shown, lambda package: (package.name,))


async def _require_scopes(change: Change, package: Package) -> None:
    """Let a package name nothing but what its owner shows to everybody. Raises Refusal INVALID or NOT_FOUND."""
    if not 1 <= len(package.scopes) <= MOST_SCOPES:
        raise text.invalid(f"A package names 1 to {MOST_SCOPES} scopes")
    for name in sorted(package.scopes):
        scope = await change.get(Ref("scope", name)) if text.fit(name) else None
        if not isinstance(scope, Scope) or scope.owner_orgno != package.owner_orgno:
            raise rights.unknown("scope")
        if scope.visibility != "PUBLIC":
            raise text.invalid(f"A package is public, and the scope {scope.name} is not")


def _title(title: str) -> str:
    return text.line(title, "title", required=True)
