"""`/clients/{id}/jwks` and `/api/v2/clients/{id}/key`: the keys of one client."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from authserver.oauth.models import Client, ClientKey
from authserver.registry import clients, keys, rights
from authserver.registry.key_material import offer_of
from authserver.registry.replacing import replace_keys
from authserver.registry.text import invalid
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, reads, writes
from authserver.web.admin.clients import READ, nothing
from authserver.web.admin.documents import Lenient, document, stamps
from authserver.web.admin.rehearsed import Rehearsed

WRITE: Final = ("dcr.write", "dcr.modify")
KeyReads = Annotated[Reading, Depends(reads(*READ))]
KeyWrites = Annotated[Writing, Depends(writes(*WRITE))]
router = APIRouter(tags=["keys"], route_class=StrictRoute)
upload = APIRouter(tags=["keys"], route_class=StrictRoute)


class JsonWebKey(BaseModel):
    """A public key. In requests further members are judged too: private ones refuse the key."""

    model_config = ConfigDict(extra="allow")
    kty: str
    kid: str | None = None
    use: str | None = None
    alg: str | None = None
    exp: int | None = None


class KeySetBody(Lenient):
    """The whole set of a client's keys."""

    keys: list[dict[str, Any]]


class KeySet(BaseModel):
    """The keys of a client."""

    keys: list[JsonWebKey]
    created: str | None
    last_updated: str | None


def _key(key: ClientKey) -> JsonWebKey:
    return JsonWebKey(**json.loads(key.jwk), kid=key.kid, use="sig", alg=key.alg, exp=key.expires_at)


async def _set(call: Reading, client: Client) -> KeySet:
    times = stamps(await call.parts.times.of([client.ref]), client.ref)
    return KeySet(keys=[_key(key) for _, key in sorted(client.keys.items()) if key.active], **times)


def _offer(call: Reading, jwk: dict[str, Any]) -> keys.KeyOffer:
    # What the tools read back and send again is no part of the key.
    material = {name: value for name, value in jwk.items() if value is not None and name not in _READ_ONLY}
    return keys.KeyOffer(material, example_allowed=call.parts.examples_allowed, reactivate=True)


_READ_ONLY: Final = frozenset({"created", "last_updated", "x5c", "x5t", "x5t#S256", "x5u"})


@router.get("/clients/{client_id}/jwks", response_model=KeySet)
async def list_keys(client_id: str, call: KeyReads) -> Response:
    """The keys of a client, each with its end as `exp` in seconds."""
    found = await clients.read(call.store, call.actor, client_id=client_id)
    return document(await _set(call, found))


@router.post("/clients/{client_id}/jwks", response_model=KeySet | Rehearsed)
async def replace_all(client_id: str, body: KeySetBody, call: KeyWrites) -> Response:
    """Replace the whole set: a key that is not in it stops at once, one that is in it again is renewed."""
    if not body.keys:
        raise invalid("The set has no keys; remove all keys with DELETE")
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    offers = [_offer(call, jwk) for jwk in body.keys]
    changed = await replace_keys(store, call.actor, call.now, client_id=client_id, offers=offers, reason=call.reason)
    return await call.answer(lambda: _set(call, changed))


@router.delete("/clients/{client_id}/jwks", response_model=Rehearsed | None)
async def remove_all(client_id: str, call: KeyWrites) -> Response:
    """Remove every key, effective at once."""
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    await replace_keys(store, call.actor, call.now, client_id=client_id, offers=[], reason=call.reason)
    return await call.answer(nothing)


@router.get("/clients/{client_id}/jwks/{kid}", response_model=JsonWebKey)
async def read_key(client_id: str, kid: str, call: KeyReads) -> Response:
    """One key."""
    found = await clients.read(call.store, call.actor, client_id=client_id)
    key = found.keys.get(kid)
    if key is None or not key.active:
        raise rights.unknown("key")
    return document(_key(key))


@router.put("/clients/{client_id}/jwks/{kid}", response_model=JsonWebKey | Rehearsed)
async def put_key(client_id: str, kid: str, body: dict[str, Any], call: KeyWrites) -> Response:
    """Add one key, or renew it; the others stay."""
    if body.get("kid") not in (None, kid):
        raise invalid("The kid in the body is not the one in the path")
    return await _add(client_id, _offer(call, {**body, "kid": kid}), call)


@router.delete("/clients/{client_id}/jwks/{kid}", response_model=Rehearsed | None)
async def remove_key(client_id: str, kid: str, call: KeyWrites) -> Response:
    """Remove one key, effective at once."""
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    await keys.remove(store, call.actor, call.now, client_id=client_id, kid=kid, reason=call.reason)
    return await call.answer(nothing)


@upload.post("/clients/{client_id}/key", response_model=JsonWebKey | Rehearsed)
async def upload_key(
    client_id: str, pasted: Annotated[str, Body(media_type="text/plain")], call: KeyWrites
) -> Response:
    """Add one key, pasted as a JWK, a PEM public key or a PEM certificate; its kid is its thumbprint unless it has one.

    Of a certificate only the public key and its end are used; who issued it is not judged.
    """
    return await _add(client_id, offer_of(pasted, call.now, example_allowed=call.parts.examples_allowed), call)


async def _add(client_id: str, offer: keys.KeyOffer, call: Writing) -> Response:
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    added = await keys.add(store, call.actor, call.now, client_id=client_id, offer=offer, reason=call.reason)

    async def made() -> JsonWebKey:
        return _key(added)

    return await call.answer(made)
