"""What a proven request may have, and the token that says so: as a real authority decides (never wider than asked)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from tillit.core.access_token import ISO6523
from tillit.testing import status_lists
from tillit.testing.claims import Asked
from tillit.testing.refusals import Refused
from tillit.testing.registry import Client, Delegation, Registry, Scope

_URI: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]{1,512}")
_MAX_LIFE: Final = 3600


@dataclass(frozen=True, slots=True)
class TokenShape:
    """What a profile's tokens look like; `life` is in seconds."""

    alg: str
    typ: str
    rfc9068: bool
    life: int


SHAPES: Final[Mapping[str, TokenShape]] = {
    "standard": TokenShape("ES256", "at+jwt", rfc9068=True, life=600),
    "maskinporten": TokenShape("RS256", "JWT", rfc9068=False, life=120),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that may be made."""

    shape: TokenShape
    claims: dict[str, Any]
    scopes: tuple[str, ...]
    expires_at: int


def organisation(number: str) -> dict[str, str]:
    """An organisation as tokens name it."""
    return {"authority": ISO6523, "ID": f"0192:{number}"}


def authorize(registry: Registry, client: Client, asked: Asked, profile: str, issuer: str, now: int) -> Grant:
    """Decide what `asked` may have; all or nothing. `jti` is still to be given. Raises Refused."""
    _require_active(registry, client.org)
    scopes = [_scope(registry, client, name) for name in asked.scopes]
    consumer, supplier = _parties(client, asked)
    if supplier is not None:
        for scope in scopes:
            if not scope.delegable:
                raise Refused("not.delegable", scope.name)
    for scope in scopes:
        if (scope.name, consumer) not in registry.access and not scope.for_all:
            raise Refused("access", scope.name)
    proving = [] if supplier is None else _delegations(registry, scopes, consumer, supplier, now)
    _require_active(registry, consumer)
    names = {scope.token_profile or profile for scope in scopes}
    if len(names) > 1:
        raise Refused("scopes.mixed")
    shape = SHAPES[names.pop()]
    audience = _audience(scopes, asked.resources, shape, issuer)
    expires_at = min([now + _life(scopes, shape), *(one.valid_to for one in proving)])
    claims = {
        "iss": issuer,
        "client_id": client.id,
        "client_amr": "private_key_jwt",
        "consumer": organisation(consumer),
        "scope": " ".join(asked.scopes),
        "iat": now,
        "exp": expires_at,
        **({"sub": client.id} if shape.rfc9068 else {"token_type": "Bearer"}),
        **(_status(registry, proving, issuer) if shape.rfc9068 else {}),
        **({"aud": audience[0] if len(audience) == 1 else list(audience)} if audience else {}),
        **({"supplier": organisation(supplier), "delegation_source": issuer} if supplier else {}),
        **({"pid": asked.pid} if asked.pid is not None else {}),
    }
    return Grant(shape, claims, asked.scopes, expires_at)


def _require_active(registry: Registry, number: str) -> None:
    if not registry.organisations.get(number):
        raise Refused("organisation.disabled", number)


def _scope(registry: Registry, client: Client, name: str) -> Scope:
    scope = registry.scopes.get(name) if name in client.scopes else None
    if scope is None:
        raise Refused("scope.not.on.client")
    if not scope.active:
        raise Refused("scope.disabled", name)
    _require_active(registry, scope.owner)
    return scope


def _parties(client: Client, asked: Asked) -> tuple[str, str | None]:
    if asked.consumer_org is None:
        return client.org, None
    if asked.consumer_org == client.org:
        raise Refused("consumer.is.self")
    return asked.consumer_org, client.org


def _delegations(registry: Registry, scopes: list[Scope], consumer: str, supplier: str, now: int) -> list[Delegation]:
    """One for each scope; the same one for all of them, where there is one."""
    found = []
    for scope in scopes:
        one = registry.covering(scope.name, consumer, supplier, now)
        if one is None:
            sentence = f"Consumer {consumer} has not delegated access to the scope {scope.name} to supplier {supplier}"
            raise Refused("delegation", sentence)
        found.append(one)
    alone = [one for one in found if all(one.covers(scope.name, now) for scope in scopes)]
    return alone[:1] or found


def _status(registry: Registry, proving: list[Delegation], issuer: str) -> dict[str, Any]:
    """The claim `status` of a token that rests on one delegation."""
    ids = {one.id for one in proving}
    return {"status": status_lists.reference(registry, ids.pop(), issuer)} if len(ids) == 1 else {}


def _audience(scopes: list[Scope], resources: tuple[str, ...], shape: TokenShape, issuer: str) -> tuple[str, ...]:
    if not all(_is_absolute_uri(resource) for resource in resources):
        raise Refused("resource")
    if resources:
        for scope in scopes:
            if scope.audience is not None and resources != (scope.audience,):
                raise Refused("resource.unknown", scope.name)
        if shape.rfc9068 and len(resources) != 1:
            raise Refused("resource")
    if not shape.rfc9068:
        return resources
    audiences = {scope.audience or f"{issuer.rstrip('/')}/api/{scope.prefix}" for scope in scopes}
    if len(audiences) > 1:
        raise Refused("scopes.mixed")
    return resources or tuple(audiences)


def _is_absolute_uri(text: str) -> bool:
    if not _URI.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc if parts.scheme in ("http", "https") else parts.path)


def _life(scopes: list[Scope], shape: TokenShape) -> int:
    caps = [scope.max_age for scope in scopes if scope.max_age > 0]
    return min([min(scope.max_age or shape.life for scope in scopes), *caps, _MAX_LIFE])
