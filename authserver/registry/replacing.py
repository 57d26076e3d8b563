"""Key sets and scopes replaced as wholes, the way existing tools of the self-service API write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import MAX_KEYS_PER_CLIENT
from authserver.oauth.models import Client, ClientKey
from authserver.registry import keys, rights
from authserver.registry.ports import Actor, RegistryStore
from authserver.registry.scope_records import ScopeRecord

_LISTED_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "description": "",
        "accessible_for_all": False,
        "visibility": "PUBLIC",
        "allowed_integration_types": (),
        "delegation_source": None,
        "max_age": 0,
    }
)


async def replace_keys(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    client_id: str,
    offers: Sequence[keys.KeyOffer],
    reason: str = "",
) -> Client:
    """Let a client have these keys and no other; what is not offered is removed, effective at once.

    A key offered again is renewed. One that has expired may be offered as it was read back, and stays as it is.
    Raises Refusal NOT_FOUND, CONFLICT or KEY_REFUSED.
    """
    if len(offers) > MAX_KEYS_PER_CLIENT:
        raise Refusal(Reason.KEY_REFUSED, value=f"a client has at most {MAX_KEYS_PER_CLIENT} keys")
    judged = [_judge(offer, now) for offer in offers]
    if len({key.kid for key in judged}) != len(judged):
        raise Refusal(Reason.KEY_REFUSED, value="two keys of the set have the same kid")
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.client(change, actor, client_id)
        if not present.active:
            raise Refusal(Reason.CONFLICT, value=f"The client {present.client_id} is deactivated; reactivate it first")
        kept = {kid: replace(key, active=False) for kid, key in present.keys.items()}
        wanted = replace(present, keys=kept)
        for key in judged:
            known = present.keys.get(key.kid)
            if key.expires_at <= now and not _stays(key, known):
                raise Refusal(Reason.KEY_REFUSED, value="its end (exp) is not a time to come, in whole seconds")
            if known is not None and _stays(key, known):
                wanted = replace(wanted, keys={**wanted.keys, key.kid: known})
            else:
                wanted = await keys.with_key(change, wanted, key, now, reactivate=True)
        if wanted != present:
            await change.put(wanted)
    return wanted


def listed_terms(record: ScopeRecord, *, active: bool) -> Mapping[str, Any]:
    """Return the terms that put a record in place of a scope's: what it does not state becomes the default.

    What only this authority has (audience, token profile, how access is approved) stays unless it is stated.
    """
    return {**_LISTED_DEFAULTS, **record.terms, "attributes": dict(record.attributes), "active": active}


def _judge(offer: keys.KeyOffer, now: int) -> ClientKey:
    """Judge a key as ever, but let an end in the past through, for the caller to look at."""
    if isinstance(offer.material, str):
        return keys.judge(offer, now)
    end = offer.material.get("exp")
    if type(end) is not int or end > now:
        return keys.judge(offer, now)
    endless = {name: value for name, value in offer.material.items() if name != "exp"}
    return replace(keys.judge(replace(offer, material=endless), now), expires_at=end)


def _stays(offered: ClientKey, known: ClientKey | None) -> bool:
    return (
        known is not None
        and known.active
        and (known.thumbprint, known.expires_at) == (offered.thumbprint, offered.expires_at)
    )
