"""A light authority's status list: whether its delegations hold, for whoever was shown a statement or a token."""

from __future__ import annotations

import zlib
from typing import Any, Final

from tillit.core.status_list import STATUS_LIST_TYPE
from tillit.jose.encoding import b64url_encode
from tillit.testing.keys import SigningKeys
from tillit.testing.refusals import Answer
from tillit.testing.registry import Registry

PATH: Final = "/status-lists/0"
_TTL: Final = 30
_LIFE: Final = 3600
_ENTRIES: Final = 4096
_STATUS: Final = {"active": 0, "revoked": 1, "suspended": 2}


def reference(registry: Registry, delegation_id: str, issuer: str) -> dict[str, Any]:
    """The claim `status` of what rests on a delegation."""
    return {"status_list": {"idx": list(registry.delegations).index(delegation_id), "uri": _uri(issuer)}}


def signed(registry: Registry, keys: SigningKeys, issuer: str, now: int) -> Answer:
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
