"""Signing tokens with the key that is active now."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from authserver.keys.ring import KeyRing
from authserver.keys.signing_key import SigningKey
from authserver.oauth.signed_token import SignedToken
from authserver.oauth.unavailable import Unavailable

# RFC 9068 §2.1: every resource server supports it.
_KNOWN_TO_ALL = "RS256"


class RingSigner:
    """The `Signer` port over a key ring. Close it when the server stops.

    A slow private operation (RSA: OpenSSL lets go of the interpreter lock) runs on one of `threads` threads; a fast one
    (EC, Ed25519) runs at once, because handing it over would take longer than doing it.
    """

    def __init__(
        self, ring: KeyRing, clock: Callable[[], int], *, published: frozenset[str] | None = None, threads: int = 2
    ) -> None:
        """`published` names the algorithms whose keys validators are served, None meaning all."""
        self._ring = ring
        self._clock = clock
        self._published = published
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sign")
        self._headers: dict[tuple[str, str], bytes] = {}

    async def sign(self, claims: dict[str, Any], *, alg: str, typ: str) -> SignedToken:
        """Sign the claims as a compact JWS (RFC 7515 §5.1) with the active key of this algorithm.

        Where that key is not published the token is signed with RS256 instead. Raises Unavailable without a key.
        """
        if self._published is not None and alg not in self._published:
            alg = _KNOWN_TO_ALL
        key = self._ring.signing_key(alg, self._clock())
        if key is None:
            raise Unavailable("keys")
        signing_input = self._header(key, typ) + b"." + _base64url(orjson.dumps(claims))
        if key.private.slow:
            loop = asyncio.get_running_loop()
            signature = await loop.run_in_executor(self._pool, key.private.sign, signing_input)
        else:
            signature = key.private.sign(signing_input)
        return SignedToken((signing_input + b"." + _base64url(signature)).decode("ascii"), key.life.kid)

    def close(self) -> None:
        """Let the threads finish what they are signing, and end them."""
        self._pool.shutdown()

    def _header(self, key: SigningKey, typ: str) -> bytes:
        known = self._headers.get((key.life.kid, typ))
        if known is None:
            known = _base64url(orjson.dumps({"alg": key.life.alg, "typ": typ, "kid": key.life.kid}))
            self._headers[key.life.kid, typ] = known
        return known


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
