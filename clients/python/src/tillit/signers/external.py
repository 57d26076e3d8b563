"""A key that nobody can read (KMS, key vault), reached by a function."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tillit.errors import ConfigError
from tillit.jose.algorithms import KNOWN_ALGORITHMS, canonical_name
from tillit.jose.encoding import b64url_encode

_COORDINATE: Final = {"ES256": 32, "ES384": 48}


class CallableSigner:
    """Signs by calling a function that gets the bytes and returns the raw JWS signature (for ECDSA: R followed by S).

    With `der`, the function returns an ECDSA signature in ASN.1, as most key services do, and it is rewritten.
    The function may block or be a coroutine function; `AsyncTokenClient` never runs it on the event loop's thread.
    """

    def __init__(
        self, alg: str, kid: str, function: Callable[[bytes], bytes | Awaitable[bytes]], *, der: bool = False
    ) -> None:
        name = canonical_name(alg)
        if name not in KNOWN_ALGORITHMS:
            raise ConfigError("alg must be one of " + ", ".join(sorted(KNOWN_ALGORITHMS)))
        if not kid:
            raise ConfigError("kid must be the id under which the key is registered")
        if der and name not in _COORDINATE:
            raise ConfigError("der is for ES256 and ES384; other signatures have one form only")
        self._alg = name
        self._kid = kid
        self._function = function
        self._der = der
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
        """The JWS signature of `data`. Raises ConfigError for a signature that is not in the form announced."""
        signature = self._function(data)
        return self._awaited(signature) if inspect.isawaitable(signature) else self._raw(signature)

    async def _awaited(self, signature: Awaitable[bytes]) -> bytes:
        return self._raw(await signature)

    def _raw(self, signature: bytes) -> bytes:
        size = _COORDINATE.get(self._alg)
        if self._der:
            return raw_signature(signature, self._alg)
        if size is not None and isinstance(signature, bytes) and len(signature) != 2 * size:
            raise ConfigError(f"the signature is not R and S of {size} bytes each; is it ASN.1? Then say der=True")
        return signature

    def __repr__(self) -> str:
        return f"CallableSigner(alg={self._alg!r}, thumbprint={self._thumbprint!r})"


def raw_signature(der: bytes, alg: str) -> bytes:
    """An ECDSA signature in ASN.1 as JWS has it: R and S, each of the curve's size (RFC 7518 section 3.4).

    Raises ConfigError if it is not one of `alg`.
    """
    size = _COORDINATE[alg]
    try:
        r, s = decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError, TypeError):
        raise ConfigError(f"the signature is not an ASN.1 signature of {alg}") from None


def from_callable(
    alg: str, kid: str, function: Callable[[bytes], bytes | Awaitable[bytes]], *, der: bool = False
) -> CallableSigner:
    """A signer that calls `function` with the bytes to sign; `der` if that answers in ASN.1.

    Raises ConfigError for an unknown algorithm.
    """
    return CallableSigner(alg, kid, function, der=der)
