"""Scopes: rights to call an API, defined by the prefix owner; deactivated and reactivated, never removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from authserver.oauth import scope as grammar
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import JSON_INTEGER, TOKEN_LIFE_CEILING
from authserver.oauth.models import Prefix, Scope
from authserver.oauth.profiles import TOKEN_PROFILES
from authserver.registry import delegation_terms, quotas, rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore

VISIBILITIES: Final = frozenset({"PUBLIC", "PRIVATE", "INTERNAL"})
INTEGRATION_TYPES: Final = frozenset(
    {"ansattporten", "api_klient", "eformidling", "idporten", "idporten_saml2", "krr", "maskinporten"}
)

APPROVALS: Final = frozenset({"owner", "listed", "any"})
MOST_APPROVED_CONSUMERS: Final = 1_000
AMENDABLE: Final = frozenset(field.name for field in fields(Scope)) - {"name", "prefix", "owner_orgno"}


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
    kept = replace(scope, approved_consumers=_rule(scope), contact=_contact(scope), review_at=_review(scope))
    return delegation_terms.checked(kept)


async def add(store: RegistryStore, actor: Actor, now: int, *, scope: Scope, reason: str = "") -> Scope:
    """Define a scope under an active prefix of the actor's.

    `prefix` and `owner_orgno` of the given record are not trusted: they follow from its name. Raises Refusal INVALID,
    NOT_FOUND for a prefix that is not the actor's, or CONFLICT when prefix or owner is deactivated or the name taken.
    """
    prefix, _ = split(scope.name)
    async with rights.change(store, actor, now, reason) as change:
        owned = await rights.prefix(change, actor, prefix)
        if not owned.active:
            raise Refusal(Reason.CONFLICT, value=_stopped(owned))
        owner = await rights.organisation(change, owned.owner_orgno)
        new = checked(replace(scope, prefix=owned.prefix, owner_orgno=owner.orgno, active=True))
        present = await change.get(new.ref)
        if isinstance(present, Scope):
            raise Refusal(Reason.CONFLICT, value=_already(present))
        await quotas.admit(change, owner, "scopes")
        await change.put(new)
    return new


async def amend(
    store: RegistryStore, actor: Actor, now: int, *, name: str, terms: Mapping[str, Any], reason: str = ""
) -> Scope:
    """Change what is named of a scope's terms, fields of Scope, in one change and effective at once.

    Raises Refusal NOT_FOUND, or INVALID for a term that may not be kept or not be changed (name, prefix, owner). Done
    again, it changes nothing.
    """
    if not AMENDABLE.issuperset(terms):
        raise text.invalid(f"What may be changed of a scope is {', '.join(sorted(AMENDABLE))}")
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.scope(change, actor, name)
        wanted = checked(replace(present, **terms))
        if wanted != present:
            await change.put(wanted)
    return wanted


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


async def read(store: RegistryStore, actor: Actor, *, name: str) -> Scope:
    """One scope of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.scope(reader, actor, name)


async def visible(store: RegistryStore, actor: Actor, *, name: str) -> Scope:
    """One scope that the actor can see. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.visible_scope(reader, actor, name)


async def page(
    store: RegistryStore, actor: Actor, *, window: Window, owner_orgno: str | None = None, prefix: str | None = None
) -> Page[Scope]:
    """Scopes of one owner, or of all for the operator, by name; for an organisation, its own."""
    if prefix is not None and not text.fit(prefix):
        return Page(())
    shown = window.bounded
    found = await store.scope_page(shown.and_one_more, rights.concerned(actor, owner_orgno), prefix)
    return paged(found, shown, lambda scope: (scope.name,))


def _rule(scope: Scope) -> tuple[str, ...]:
    """Return the consumers that the owner's rule approves, sorted. Raises Refusal INVALID."""
    if scope.approval not in APPROVALS:
        raise text.invalid(f"The approval is none of {', '.join(sorted(APPROVALS))}")
    if len(scope.approved_consumers) > MOST_APPROVED_CONSUMERS:
        raise text.invalid(f"The owner's rule names more than {MOST_APPROVED_CONSUMERS} consumers")
    return tuple(sorted({number(orgno) for orgno in scope.approved_consumers}))


def _contact(scope: Scope) -> str | None:
    return text.line(scope.contact or "", "contact") or None


def _review(scope: Scope) -> int | None:
    if scope.review_at is not None and not 0 < scope.review_at <= JSON_INTEGER:
        raise text.invalid("The time of review is not a time in whole seconds")
    return scope.review_at


def _stopped(prefix: Prefix) -> str:
    return f"The prefix {prefix.prefix} is deactivated; reactivate it first (prefix enable)"


def _already(present: Scope) -> str:
    if present.active:
        return f"The scope {present.name} exists already"
    return (
        f"The scope {present.name} exists and is deactivated; "
        "reactivate it (scope enable, or PUT with active=true) instead of adding it again"
    )
