"""Clients: OAuth clients of one organisation, registered with scopes; deactivated and reactivated, never removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import CLIENT_ID_CHARS
from authserver.oauth.models import Client, Scope
from authserver.oauth.profiles import REQUEST_PROFILES
from authserver.registry import keys, rights, text
from authserver.registry.organisations import number
from authserver.registry.ports import Actor, Change, RegistryStore

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


async def add(store: RegistryStore, actor: Actor, now: int, *, new: NewClient, new_id: Callable[[], str]) -> Client:
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
    if new.profile is not None and new.profile not in REQUEST_PROFILES:
        raise text.invalid(f"The profile is none of {', '.join(sorted(REQUEST_PROFILES))}")
    judged = None if new.key is None else keys.judge(new.key, now)
    client = Client(client_id, orgno, text.line(new.name, "name"), profile=new.profile)
    async with rights.change(store, actor, now) as change:
        await rights.organisation(change, orgno)
        present = await change.get(client.ref)
        if isinstance(present, Client):
            raise Refusal(Reason.CONFLICT, value=_taken(actor, present))
        client = replace(client, scopes=await _registrable(change, actor, client, new.scopes))
        if judged is not None:
            client = await keys.with_key(change, client, judged, now)
        await change.put(client)
    return client


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


async def read(store: RegistryStore, actor: Actor, now: int, *, client_id: str) -> Client:
    """One client of the actor's. Raises Refusal NOT_FOUND."""
    async with store.change(actor, now) as change:
        return await rights.client(change, actor, client_id)


async def _registrable(change: Change, actor: Actor, client: Client, names: Collection[str]) -> frozenset[str]:
    """Return the scopes as registered on the client. Raises Refusal NOT_FOUND, CONFLICT or INVALID."""
    for name in names:
        scope: Scope = await rights.visible_scope(change, actor, name)
        if not scope.active:
            raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated by its owner")
        if scope.allowed_integration_types and client.integration_type not in scope.allowed_integration_types:
            raise text.invalid(f"The scope {scope.name} does not admit clients of type {client.integration_type}")
    return frozenset(names)


def _taken(actor: Actor, present: Client) -> str:
    if present.active or not rights.is_own(actor, present.orgno):
        return "The client id is taken"
    return (
        f"The client {present.client_id} exists and is deactivated; "
        "reactivate it (client enable, or PUT with active=true) instead of adding it again"
    )
