"""What signing yields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class SignedToken:
    """A compact JWS (RFC 7515 §7.1) and the `kid` that signed it. It is a credential, so it has no repr."""

    compact: str
    kid: str
