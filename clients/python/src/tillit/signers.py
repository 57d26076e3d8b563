"""Who signs an assertion: a key in memory, or a function that reaches a key nobody can read (KMS, HSM).

A signer never shows key material: not in `repr`, not in errors, not to the rest of the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import KNOWN_ALGORITHMS, canonical_name
from tillit.jose.encoding import b64url_encode
from tillit.jose.private_keys import SigningKey, read_jwk, read_pem, read_text
from tillit.jose.public_keys import thumbprint


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
        """The header members that tell the authority which key signed: `{"kid": …}`."""
        ...

    def sign(self, data: bytes) -> bytes | Awaitable[bytes]:
        """The JWS signature of `data`."""
        ...


class LocalSigner:
    """Signs with a private key in memory. Its key id defaults to the RFC 7638 thumbprint."""

    def __init__(self, signing_key: SigningKey, kid: str | None = None) -> None:
        self._key = signing_key.key
        self._alg = signing_key.alg
        self._thumbprint = thumbprint(signing_key.key.public_key())
        self._kid = kid or signing_key.kid or self._thumbprint

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        return self._alg

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        return self._thumbprint

    def header(self) -> Mapping[str, Any]:
        """`{"kid": …}`."""
        return {"kid": self._kid}

    def sign(self, data: bytes) -> bytes:
        """The JWS signature of `data`."""
        return algorithms.sign(self._alg, self._key, data)

    def __repr__(self) -> str:
        return f"LocalSigner(alg={self._alg!r}, thumbprint={self._thumbprint!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer with a private key is not pickled; build it again in the other process")


class CallableSigner:
    """Signs by calling a function that gets the bytes and returns the raw JWS signature (for ECDSA: R followed by S).

    The function may block or be a coroutine function; `AsyncTokenClient` never runs it on the event loop's thread.
    """

    def __init__(self, alg: str, kid: str, function: Callable[[bytes], bytes | Awaitable[bytes]]) -> None:
        name = canonical_name(alg)
        if name not in KNOWN_ALGORITHMS:
            raise ConfigError("alg must be one of " + ", ".join(sorted(KNOWN_ALGORITHMS)))
        if not kid:
            raise ConfigError("kid must be the id under which the key is registered")
        self._alg = name
        self._kid = kid
        self._function = function
        self._thumbprint = b64url_encode(hashlib.sha256(f"{name}\0{kid}".encode()).digest())

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        return self._alg

    @property
    def thumbprint(self) -> str:
        """A digest of algorithm and key id: the key itself is out of reach."""
        return self._thumbprint

    def header(self) -> Mapping[str, Any]:
        """`{"kid": …}`."""
        return {"kid": self._kid}

    def sign(self, data: bytes) -> bytes | Awaitable[bytes]:
        """The JWS signature of `data`."""
        return self._function(data)

    def __repr__(self) -> str:
        return f"CallableSigner(alg={self._alg!r}, thumbprint={self._thumbprint!r})"


def from_jwk(jwk: Mapping[str, Any] | str, *, kid: str | None = None, alg: str | None = None) -> Signer:
    """A signer from a private JWK, as a mapping or JSON text. Raises ConfigError if it cannot sign."""
    return LocalSigner(read_jwk(jwk, alg), kid)


def from_pem(
    pem: str | bytes, *, kid: str | None = None, alg: str | None = None, password: bytes | None = None
) -> Signer:
    """A signer from a private key in PEM. Raises ConfigError if it cannot sign."""
    return LocalSigner(read_pem(pem, alg, password), kid)


def from_text(text: str, *, kid: str | None = None, alg: str | None = None) -> Signer:
    """A signer from a JWK, base64 of a JWK, PEM, or the path of a file with one of these. Raises ConfigError."""
    return LocalSigner(read_text(text, alg), kid)


def from_callable(alg: str, kid: str, function: Callable[[bytes], bytes | Awaitable[bytes]]) -> Signer:
    """A signer that calls `function` with the bytes to sign. Raises ConfigError for an unknown algorithm."""
    return CallableSigner(alg, kid, function)
