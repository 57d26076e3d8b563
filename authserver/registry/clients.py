"""Clients: OAuth clients of one organisation, registered with scopes; deactivated and reactivated, never removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import CLIENT_ID_CHARS, TOKEN_LIFE_CEILING
from authserver.oauth.models import Client, Scope
from authserver.oauth.profiles import REQUEST_PROFILES
from authserver.registry import keys, onbehalfof, quotas, rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore

# Machines that sign for themselves; a client that people log in to is none of ours.
INTEGRATION_TYPES: Final = frozenset({"maskinporten", "krr", "api_klient", "eformidling"})
_CLIENT_ID: Final = re.compile(rf"[A-Za-z0-9._~-]{{1,{CLIENT_ID_CHARS}}}")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What is said of a client to be registered. Without `client_id` it gets a new one."""

    orgno: str
    scopes: Collection[str]
    client_id: str | None = None
    name: str = ""
    profile: str | None = None
    key: keys.KeyOffer | None = None
    token_lifetime: int = 0
    integration_type: str = "maskinporten"
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientAmendment:
    """What to change of a client; None leaves things as they are. An empty `profile` means the server's.

    `scopes` and `extras` replace what the client has, but for its entries in `onbehalfof`.
    """

    name: str | None = None
    scopes: Collection[str] | None = None
    active: bool | None = None
    profile: str | None = None
    token_lifetime: int | None = None
    extras: Mapping[str, Any] | None = None


async def add(
    store: RegistryStore, actor: Actor, now: int, *, new: NewClient, new_id: Callable[[], str], reason: str = ""
) -> Client:
    """Register a client of an active organisation, with its first key if one is offered.

    Every scope must exist, be active and admit this kind of client; access to it is not needed here but with every
    token, so that a supplier can register what only its consumers have. Raises Refusal INVALID, NOT_FOUND, CONFLICT or
    KEY_REFUSED.
    """
    orgno = number(new.orgno)
    rights.own(actor, "organisation", orgno)
    client_id = new_id() if new.client_id is None else new.client_id
    if not _CLIENT_ID.fullmatch(client_id):
        raise text.invalid(f"The client id is not 1 to {CLIENT_ID_CHARS} of the characters A-Z a-z 0-9 . _ ~ -")
    judged = None if new.key is None else keys.judge(new.key, now)
    client = checked(
        Client(
            client_id,
            orgno,
            text.line(new.name, "name"),
            profile=new.profile,
            token_lifetime=new.token_lifetime,
            integration_type=new.integration_type,
            extras=new.extras,
        )
    )
    async with rights.change(store, actor, now, reason) as change:
        organisation = await rights.organisation(change, orgno)
        present = await change.get(client.ref)
        if isinstance(present, Client):
            raise Refusal(Reason.CONFLICT, value=_taken(actor, present))
        await quotas.admit(change, organisation, "clients")
        client = replace(client, scopes=await registrable(change, actor, client, new.scopes))
        if judged is not None:
            client = await keys.with_key(change, client, judged, now)
        await change.put(client)
    return client


def checked(client: Client) -> Client:
    """Return the client if every term of it may be kept; its name, scopes and keys are checked elsewhere.

    Raises Refusal INVALID, naming the first term that may not.
    """
    if client.profile is not None and client.profile not in REQUEST_PROFILES:
        raise text.invalid(f"The profile is none of {', '.join(sorted(REQUEST_PROFILES))}")
    if not 0 <= client.token_lifetime <= TOKEN_LIFE_CEILING:
        raise text.invalid(f"The token life of a client is 0 (the default) to {TOKEN_LIFE_CEILING} seconds")
    if client.integration_type not in INTEGRATION_TYPES:
        raise text.invalid(f"The integration type is none of {', '.join(sorted(INTEGRATION_TYPES))}")
    text.attributes(client.extras)
    return client


async def amend(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, terms: ClientAmendment, reason: str = ""
) -> Client:
    """Change what is named of a client, in one change and effective at once.

    A scope that is new on the client must be active and admit it, as when it is registered; one that it has may stay.
    Raises Refusal NOT_FOUND, INVALID or CONFLICT. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.client(change, actor, client_id)
        wanted = checked(_amended(present, terms))
        if terms.scopes is not None:
            asked = frozenset(terms.scopes)
            added = await registrable(change, actor, present, asked - present.scopes)
            wanted = replace(wanted, scopes=(present.scopes & asked) | added)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, active: bool, reason: str = ""
) -> Client:
    """Deactivate a client, effective at once, or reactivate it. Raises Refusal NOT_FOUND. Idempotent."""
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.client(change, actor, client_id)
        wanted = replace(present, active=active)
        if wanted != present:
            await change.put(wanted)
    return wanted


async def listed(store: RegistryStore, actor: Actor, *, orgno: str | None = None) -> Sequence[Client]:
    """All clients, or those of one organisation; for an organisation, its own."""
    rows = await store.clients(None if orgno is None else number(orgno))
    return [found for found in rows if rights.is_own(actor, found.orgno)]


async def read(store: RegistryStore, actor: Actor, *, client_id: str) -> Client:
    """One client of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.client(reader, actor, client_id)


async def page(store: RegistryStore, actor: Actor, *, window: Window, orgno: str | None = None) -> Page[Client]:
    """Clients of one organisation, or of all for the operator, by id; for an organisation, its own."""
    shown = window.bounded
    found = await store.client_page(shown.and_one_more, rights.concerned(actor, orgno))
    return paged(found, shown, lambda client: (client.client_id,))


async def registrable(change: Change, actor: Actor, client: Client, names: Collection[str]) -> frozenset[str]:
    """Return the scopes as registered on the client. Raises Refusal NOT_FOUND, CONFLICT or INVALID."""
    for name in names:
        scope: Scope = await rights.visible_scope(change, actor, name)
        if not scope.active:
            raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated by its owner")
        if scope.allowed_integration_types and client.integration_type not in scope.allowed_integration_types:
            raise text.invalid(f"The scope {scope.name} does not admit clients of type {client.integration_type}")
    return frozenset(names)


def _amended(present: Client, terms: ClientAmendment) -> Client:
    return replace(
        present,
        name=present.name if terms.name is None else text.line(terms.name, "name"),
        active=present.active if terms.active is None else terms.active,
        profile=present.profile if terms.profile is None else terms.profile or None,
        token_lifetime=present.token_lifetime if terms.token_lifetime is None else terms.token_lifetime,
        extras=present.extras if terms.extras is None else {**terms.extras, **onbehalfof.kept(present)},
    )


def _taken(actor: Actor, present: Client) -> str:
    if present.active or not rights.is_own(actor, present.orgno):
        return "The client id is taken"
    return (
        f"The client {present.client_id} exists and is deactivated; "
        "reactivate it (client enable, or PUT with active=true) instead of adding it again"
    )
