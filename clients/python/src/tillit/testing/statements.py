"""A light authority's word on delegations: signed statements, and the status list that they name."""

from __future__ import annotations

import uuid
import zlib
from typing import Any, Final

from tillit.core.statement import STATEMENT_TYPE
from tillit.core.status_list import STATUS_LIST_TYPE
from tillit.errors import ConfigError
from tillit.jose.encoding import b64url_encode
from tillit.testing.granting import organisation
from tillit.testing.keys import SigningKeys
from tillit.testing.refusals import Answer
from tillit.testing.registry import Registry

PATH: Final = "/status-lists/0"
_TTL: Final = 30
_LIFE: Final = 300
_ENTRIES: Final = 4096
_STATUS: Final = {"active": 0, "revoked": 1, "suspended": 2}


def sign(registry: Registry, keys: SigningKeys, delegation_id: str, issuer: str, now: int) -> str:
    """State a delegation that is active or suspended, and where its status is read. Raises ConfigError for another."""
    one = registry.delegations.get(delegation_id)
    if one is None or one.status == "revoked" or one.valid_to <= now:
        raise ConfigError("there is no such delegation in force")
    claims = {
        "iss": issuer,
        "sub": one.id,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "nbf": one.valid_from,
        "exp": one.valid_to,
        "delegation": {
            "id": one.id,
            "consumer": organisation(one.consumer),
            "supplier": organisation(one.supplier),
            "giver": organisation(one.consumer),
            "scope": " ".join(sorted(one.scopes)),
            "depth": 0,
        },
        "status": {"status_list": {"idx": list(registry.delegations).index(one.id), "uri": _uri(issuer)}},
    }
    return keys.current(keys.preferred).jwt(claims, {"typ": STATEMENT_TYPE})


def status_list(registry: Registry, keys: SigningKeys, issuer: str, now: int) -> Answer:
    """The status of every delegation, two bits each, to be asked for again after half a minute."""
    octets = bytearray(_ENTRIES // 4)
    for index, one in enumerate(registry.delegations.values()):
        octets[index // 4] |= _STATUS[one.status] << 2 * (index % 4)
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": _uri(issuer),
        "iat": now,
        "exp": now + _LIFE,
        "ttl": _TTL,
        "status_list": {"bits": 2, "lst": b64url_encode(zlib.compress(bytes(octets), 9))},
    }
    headers = {"content-type": f"application/{STATUS_LIST_TYPE}", "cache-control": f"public, max-age={_TTL}"}
    text = keys.current(keys.preferred).jwt(claims, {"typ": STATUS_LIST_TYPE})
    return Answer(200, headers, text.encode("ascii"))


def _uri(issuer: str) -> str:
    return issuer.rstrip("/") + PATH
