"""Entries of a client for whom else it works, as the older self-service API has them: kept for round trips.

They grant nothing, and no token request reads them: what lets a supplier act for another is a delegation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client
from authserver.registry import rights, text
from authserver.registry.ports import Actor, RegistryStore

EXTRA: Final = "onbehalfof"
Entry = Mapping[str, Any]
"""What was said, its id as `onbehalfof`, and when it was `created` and `last_updated` (seconds)."""


def entries(client: Client) -> Sequence[Entry]:
    """The entries of a client, in the order in which they were made."""
    return tuple(client.extras.get(EXTRA, ()))


def kept(client: Client) -> Mapping[str, Any]:
    """The part of a client's extras that its other terms do not replace."""
    return {EXTRA: client.extras[EXTRA]} if EXTRA in client.extras else {}


def entry(client: Client, entry_id: str) -> Entry:
    """One entry. Raises Refusal NOT_FOUND."""
    for found in entries(client):
        if found[EXTRA] == entry_id:
            return found
    raise rights.unknown("onbehalfof")


async def add(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, said: Mapping[str, Any], reason: str = ""
) -> Entry:
    """Add an entry under the id that it says. Raises Refusal INVALID, NOT_FOUND or CONFLICT."""
    entry_id = text.line(str(said.get(EXTRA, "")), "onbehalfof", required=True)
    if "/" in entry_id:
        raise text.invalid("The onbehalfof has a slash, with which it could not stand in a path")
    async with rights.change(store, actor, now, reason) as change:
        client = await rights.client(change, actor, client_id)
        if any(present[EXTRA] == entry_id for present in entries(client)):
            raise Refusal(Reason.CONFLICT, value="The client has an onbehalfof of this id; change it with PUT")
        new = {**said, EXTRA: entry_id, "created": now, "last_updated": now}
        await change.put(_with(client, [*entries(client), new]))
    return new


async def change(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    client_id: str,
    entry_id: str,
    said: Mapping[str, Any],
    reason: str = "",
) -> Entry:
    """Replace what an entry says. Raises Refusal INVALID or NOT_FOUND. Done again, it changes nothing."""
    if said.get(EXTRA, entry_id) != entry_id:
        raise text.invalid("The onbehalfof in the body is not the one in the path")
    async with rights.change(store, actor, now, reason) as transaction:
        client = await rights.client(transaction, actor, client_id)
        present = entry(client, entry_id)
        wanted = {**said, EXTRA: entry_id, "created": present["created"], "last_updated": present["last_updated"]}
        if wanted == present:
            return present
        changed = {**wanted, "last_updated": now}
        await transaction.put(_with(client, [changed if one is present else one for one in entries(client)]))
    return changed


async def remove(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, entry_id: str, reason: str = ""
) -> None:
    """Remove an entry; the change log keeps what it said. Raises Refusal NOT_FOUND."""
    async with rights.change(store, actor, now, reason) as transaction:
        client = await rights.client(transaction, actor, client_id)
        gone = entry(client, entry_id)
        await transaction.put(_with(client, [one for one in entries(client) if one is not gone]))


def _with(client: Client, listed: Sequence[Entry]) -> Client:
    return replace(client, extras=text.attributes({**client.extras, EXTRA: [dict(one) for one in listed]}))
