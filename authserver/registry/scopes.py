"""Scopes: rights to call an API, defined by the prefix owner; deactivated and reactivated, never removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from authserver.oauth import scope as grammar
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import TOKEN_LIFE_CEILING
from authserver.oauth.models import Prefix, Scope
from authserver.oauth.profiles import TOKEN_PROFILES
from authserver.registry import rights, text
from authserver.registry.ports import Actor, RegistryStore

VISIBILITIES: Final = frozenset({"PUBLIC", "PRIVATE", "INTERNAL"})
INTEGRATION_TYPES: Final = frozenset(
    {"ansattporten", "api_klient", "eformidling", "idporten", "idporten_saml2", "krr", "maskinporten"}
)


def split(name: str) -> tuple[str, str]:
    """Return prefix and subscope of a scope name. Raises Refusal INVALID."""
    try:
        return grammar.parse_name(name)
    except ValueError as fault:
        raise text.invalid(f"The scope name is malformed: {fault}") from None


def checked(scope: Scope) -> Scope:
    """Return the scope if every term of it may be kept. Raises Refusal INVALID, naming the first term that may not."""
    text.prose(scope.description, "description")
    if scope.audience is not None:
        text.absolute_uri(scope.audience, "audience")
    if scope.delegation_source is not None:
        text.absolute_uri(scope.delegation_source, "delegation source")
    if not 0 <= scope.max_age <= TOKEN_LIFE_CEILING:
        raise text.invalid(f"The greatest token life of a scope is 0 (the default) to {TOKEN_LIFE_CEILING} seconds")
    if scope.token_profile is not None and scope.token_profile not in TOKEN_PROFILES:
        raise text.invalid(f"The token profile is none of {', '.join(sorted(TOKEN_PROFILES))}")
    if scope.visibility not in VISIBILITIES:
        raise text.invalid(f"The visibility is none of {', '.join(sorted(VISIBILITIES))}")
    if not INTEGRATION_TYPES.issuperset(scope.allowed_integration_types):
        raise text.invalid(f"An allowed integration type is none of {', '.join(sorted(INTEGRATION_TYPES))}")
    text.attributes(scope.attributes)
    return scope


async def add(store: RegistryStore, actor: Actor, now: int, *, scope: Scope) -> Scope:
    """Define a scope under an active prefix of the actor's.

    `prefix` and `owner_orgno` of the given record are not trusted: they follow from its name. Raises Refusal INVALID,
    NOT_FOUND for a prefix that is not the actor's, or CONFLICT when prefix or owner is deactivated or the name taken.
    """
    prefix, _ = split(scope.name)
    async with rights.change(store, actor, now) as change:
        owned = await rights.prefix(change, actor, prefix)
        if not owned.active:
            raise Refusal(Reason.CONFLICT, value=_stopped(owned))
        owner = await rights.organisation(change, owned.owner_orgno)
        new = checked(replace(scope, prefix=owned.prefix, owner_orgno=owner.orgno, active=True))
        present = await change.get(new.ref)
        if isinstance(present, Scope):
            raise Refusal(Reason.CONFLICT, value=_already(present))
        await change.put(new)
    return new


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, name: str, active: bool, reason: str = ""
) -> Scope:
    """Deactivate a scope, so that no token carries it, or reactivate it; access and registrations stay.

    Raises Refusal NOT_FOUND. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.scope(change, actor, name)
        wanted = replace(present, active=active)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def listed(store: RegistryStore, actor: Actor, *, prefix: str | None = None) -> Sequence[Scope]:
    """All scopes by name, or those of one prefix; for an organisation, its own."""
    if prefix is not None and not text.fit(prefix):
        return []
    return [found for found in await store.scopes(prefix) if rights.is_own(actor, found.owner_orgno)]


async def read(store: RegistryStore, actor: Actor, now: int, *, name: str) -> Scope:
    """One scope of the actor's. Raises Refusal NOT_FOUND."""
    async with store.change(actor, now) as change:
        return await rights.scope(change, actor, name)


def _stopped(prefix: Prefix) -> str:
    return f"The prefix {prefix.prefix} is deactivated; reactivate it first (prefix enable)"


def _already(present: Scope) -> str:
    if present.active:
        return f"The scope {present.name} exists already"
    return (
        f"The scope {present.name} exists and is deactivated; "
        "reactivate it (scope enable, or PUT with active=true) instead of adding it again"
    )
