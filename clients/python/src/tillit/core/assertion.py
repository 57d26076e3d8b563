"""The signed assertion of a JWT bearer grant (RFC 7523 sections 2.1 and 3), made anew for every attempt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillit.core.request import TokenRequest
from tillit.jose.encoding import b64url_encode

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_LIFETIME: Final = 120


@dataclass(frozen=True, slots=True, repr=False)
class UnsignedAssertion:
    """An assertion that lacks only its signature."""

    signing_input: bytes

    def signed(self, signature: bytes) -> dict[str, str]:
        """The form of the token request (RFC 7523 section 2.1)."""
        assertion = f"{self.signing_input.decode('ascii')}.{b64url_encode(signature)}"
        return {"grant_type": GRANT_TYPE, "assertion": assertion}


def claims(request: TokenRequest, *, client_id: str, issuer: str, jti: str, now: int, lifetime: int) -> dict[str, Any]:
    """The claims of one assertion. `now` is in seconds since the Unix epoch, `lifetime` in seconds.

    `aud` is the authority's issuer, as one string (RFC 7523 section 3, point 3, as RFC 10070 section 4 narrows it).
    """
    members: dict[str, Any] = {
        **json.loads(request.extra_claims or "{}"),
        "iss": client_id,
        "aud": issuer,
        "scope": " ".join(request.scopes),
        "iat": now,
        "exp": now + min(lifetime, MAX_LIFETIME),
        "jti": jti,
    }
    optional = {"resource": request.resource, "consumer_org": request.consumer_org, "pid": request.pid}
    members.update({name: value for name, value in optional.items() if value is not None})
    if request.authorization_details:
        members["authorization_details"] = json.loads(request.authorization_details)
    return members


def prepare(alg: str, header: Mapping[str, Any], members: Mapping[str, Any]) -> UnsignedAssertion:
    """Header and claims in the form that is signed (RFC 7515 section 5.1)."""
    parts = ({"alg": alg, "typ": "JWT", **header}, members)
    encoded = (b64url_encode(json.dumps(part, separators=(",", ":")).encode("utf-8")) for part in parts)
    return UnsignedAssertion(".".join(encoded).encode("ascii"))
