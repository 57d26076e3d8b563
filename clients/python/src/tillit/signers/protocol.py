"""What a signer is."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol


class Signer(Protocol):
    """Signs bytes under one algorithm (RS256, PS256, ES256, ES384 or Ed25519).

    `sign` may return an awaitable; then only `AsyncTokenClient` can use the signer.
    """

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        ...

    @property
    def thumbprint(self) -> str:
        """A public text that differs between keys; part of the cache key, so that a new key gets a new token."""
        ...

    def header(self) -> Mapping[str, Any]:
        """The header members that tell the authority which key signed: `{"kid": …}` or `{"x5c": […]}`."""
        ...

    def sign(self, data: bytes) -> bytes | Awaitable[bytes]:
        """The JWS signature of `data`."""
        ...
