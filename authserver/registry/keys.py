"""Keys of clients: taken in after judgement, bound to one algorithm, expiring, deactivated and never removed.

A `kid` names one key of its client for ever, because records name keys by it; a public key belongs to one organisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jwk import AcceptedKey, accept, accept_pem
from authserver.oauth.limits import KEY_LIFE, MAX_KEYS_PER_CLIENT
from authserver.oauth.models import Client, ClientKey
from authserver.registry import rights
from authserver.registry.example_keys import THUMBPRINTS
from authserver.registry.ports import Actor, Change, RegistryStore


@dataclass(frozen=True, slots=True)
class KeyOffer:
    """A public key as it came: a JWK or PEM text, and what was said about it.

    `expires_at` (seconds) asks for less than the usual year, as the JWK's member `exp` does; the argument wins.
    `example_allowed` admits the published example keys, which only `dev` may. `reactivate` admits a key that was
    removed from this client.
    """

    material: Mapping[str, Any] | str
    kid: str | None = None
    alg: str | None = None
    expires_at: int | None = None
    example_allowed: bool = False
    reactivate: bool = False


async def add(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, offer: KeyOffer, reason: str = ""
) -> ClientKey:
    """Register a key on an active client, or renew it for a year if the client has it already.

    Raises Refusal NOT_FOUND, CONFLICT or KEY_REFUSED.
    """
    judged = judge(offer, now)
    async with rights.change(store, actor, now, reason) as change:
        client = await rights.client(change, actor, client_id)
        if not client.active:
            raise Refusal(Reason.CONFLICT, value=f"The client {client.client_id} is deactivated; reactivate it first")
        grown = await with_key(change, client, judged, now, reactivate=offer.reactivate)
        if grown != client:
            await change.put(grown)
    return grown.keys[judged.kid]


async def remove(
    store: RegistryStore, actor: Actor, now: int, *, client_id: str, kid: str, reason: str = ""
) -> ClientKey:
    """Deactivate a key, effective at once. Raises Refusal NOT_FOUND. Done again, it changes nothing."""
    async with rights.change(store, actor, now, reason) as change:
        client = await rights.client(change, actor, client_id)
        key = client.keys.get(kid)
        if key is None:
            raise rights.unknown("key")
        removed = replace(key, active=False)
        if removed != key:
            await change.put(replace(client, keys={**client.keys, kid: removed}))
    return removed


def judge(offer: KeyOffer, now: int) -> ClientKey:
    """Return what may be registered of an offered key, knowing no client yet. Raises Refusal KEY_REFUSED."""
    key = _accepted(offer)
    if key.thumbprint in THUMBPRINTS and not offer.example_allowed:
        raise _refused("it is an example key, and its private half is published; make one of your own")
    asked = offer.expires_at
    if asked is None and not isinstance(offer.material, str):
        asked = offer.material.get("exp")
    return ClientKey(key.kid, key.alg, key.jwk, key.thumbprint, _end(asked, now), verifier=key.verifier)


async def with_key(change: Change, client: Client, key: ClientKey, now: int, *, reactivate: bool = False) -> Client:
    """Return the client with the judged key added or renewed; puts nothing. Raises Refusal CONFLICT or KEY_REFUSED."""
    present = client.keys.get(key.kid)
    if present is not None and present.thumbprint != key.thumbprint:
        raise Refusal(Reason.CONFLICT, value=f"The client has had another key {present.kid}; choose another kid")
    for known in client.keys.values():
        if known.thumbprint == key.thumbprint and known.kid != key.kid:
            raise Refusal(Reason.CONFLICT, value=f"The client has had this key as {known.kid}; post it under that kid")
    if present is not None and not present.active and not reactivate:
        raise Refusal(
            Reason.CONFLICT,
            value=f"The key {present.kid} was removed from this client; make a new key, or reactivate it explicitly",
        )
    if any(orgno != client.orgno for orgno in await change.key_owners(key.thumbprint)):
        raise _refused("it is registered elsewhere, and every organisation needs keys of its own")
    others = sum(usable(known, now) for known in client.keys.values() if known.kid != key.kid)
    if others >= MAX_KEYS_PER_CLIENT:
        raise _refused(f"the client has {MAX_KEYS_PER_CLIENT} keys already; remove one first")
    return replace(client, keys={**client.keys, key.kid: key})


def usable(key: ClientKey, now: int) -> bool:
    """Tell whether a key can authenticate its client now."""
    return key.active and key.expires_at > now


def _accepted(offer: KeyOffer) -> AcceptedKey:
    if isinstance(offer.material, str):
        return accept_pem(offer.material, kid=offer.kid, alg=offer.alg)
    return accept(offer.material, kid=offer.kid, alg=offer.alg)


def _end(asked: object, now: int) -> int:
    """Return when the key stops: a year from now, or earlier if so asked. Raises Refusal KEY_REFUSED."""
    if asked is None:
        return now + KEY_LIFE
    if type(asked) is not int or asked <= now:
        raise _refused("its end (exp) is not a time to come, in whole seconds")
    if asked > now + KEY_LIFE:
        raise _refused("it would live longer than a year; leave its end (exp) out or choose an earlier one")
    return asked


def _refused(what: str) -> Refusal:
    return Refusal(Reason.KEY_REFUSED, value=what)
