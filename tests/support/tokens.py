"""Access tokens, read as they are, and verified with the served keys by a library that the authority does not use."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import jwt

from tests.support.authority import Authority


def segment(token: str, number: int) -> dict[str, Any]:
    """Decode header (0) or claims (1) of a JWT without believing them."""
    text = token.split(".")[number]
    value: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value


def header_of(token: str) -> dict[str, Any]:
    """The header of a token."""
    return segment(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token."""
    return segment(token, 1)


def verified(authority: Authority, token: str, audience: str | None = None) -> dict[str, Any]:
    """The claims of a token, once its signature verifies with a key of the served set. Raises jwt.PyJWTError."""
    keys = jwt.PyJWKSet.from_dict(authority.get("/jwk").json)
    key = keys[header_of(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        audience=audience,
        issuer=authority.issuer,
        options={"verify_aud": audience is not None},
    )
    return claims
