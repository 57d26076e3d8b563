"""Tokens that are bound, for the shared vectors: made by hand, the same each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tests.tillit.by_hand import PrivateKey, b64, public_jwk
from tests.tillit.vector_keys import deterministic_signature

NOW = 1_800_000_000
ISSUER, API = "https://authority.example.no/", "https://api.example.no/"
ABSENT: Any = object()


def bound_token(key: PrivateKey, cnf: Any, *, keep: bool = False, **changes: Any) -> str:
    """A token of the authority's `key`, with this `cnf`; None is none, unless it is to be kept."""
    consumer = {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}
    claims: dict[str, Any] = {"iss": ISSUER, "aud": API, "client_id": "client-1", "consumer": consumer, "scope": "a:b"}
    claims |= {"sub": "0192:991825827", "iat": NOW, "exp": NOW + 600, "jti": "one"}
    if cnf is not None or keep:
        claims["cnf"] = cnf
    return signed(key, {"alg": "ES256", "kid": "es256", "typ": "at+jwt"}, claims | changes)


def signed(key: PrivateKey, *parts: Mapping[str, Any]) -> str:
    """A compact JWS over header and claims, without the members that are ABSENT."""
    kept = ({name: value for name, value in part.items() if value is not ABSENT} for part in parts)
    signing_input = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in kept)
    return f"{signing_input}.{b64(deterministic_signature(key, signing_input.encode()))}"


def bare(key: PrivateKey) -> dict[str, Any]:
    """The public JWK of `key` and nothing more."""
    jwk = public_jwk(key, "", "")
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}


def jwk_thumbprint(key: PrivateKey) -> str:
    """The RFC 7638 thumbprint of `key`."""
    canonical = json.dumps(bare(key), sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(canonical.encode()).digest())
