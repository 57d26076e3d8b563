"""The JWK Set that validators read (RFC 7517 §5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from authserver.keys.signing_key import SigningKey

RSA_ONLY: Final = frozenset({"RS256"})
"""For readers that refuse a whole set for one key they do not know."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The document as it is served: equal keys give equal bytes, on every node. `etag` is strong (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str
    kids: tuple[str, ...]


def key_set(keys: Iterable[SigningKey]) -> KeySet:
    """Write the public members of these keys, each with `kid`, `use` and `alg`, in the order given."""
    keys = tuple(keys)
    members = [{**key.public, "kid": key.life.kid, "use": "sig", "alg": key.life.alg} for key in keys]
    body = json.dumps({"keys": members}, sort_keys=True, separators=(",", ":")).encode()
    return KeySet(body, f'"{hashlib.sha256(body).hexdigest()}"', tuple(key.life.kid for key in keys))
