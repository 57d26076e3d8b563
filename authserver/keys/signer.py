"""Signing tokens with the key that is active now."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from authserver.keys.private_key import PrivateKey
from authserver.keys.ring import KeyRing
from authserver.keys.signing_key import SigningKey
from authserver.oauth.signed_token import SignedToken
from authserver.oauth.unavailable import Unavailable

# RFC 9068 §2.1: every resource server supports it.
_KNOWN_TO_ALL = "RS256"

_Waiting = tuple[PrivateKey, bytes, "asyncio.Future[bytes]"]


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
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sign")
        self._waiting: list[_Waiting] = []
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
        private = key.private
        signature = await self._off_the_loop(private, signing_input) if private.slow else private.sign(signing_input)
        return SignedToken((signing_input + b"." + _base64url(signature)).decode("ascii"), key.life.kid)

    def close(self) -> None:
        """Let the threads finish what they are signing, and end them."""
        self._pool.shutdown()

    def _off_the_loop(self, private: PrivateKey, signing_input: bytes) -> asyncio.Future[bytes]:
        """Have a thread sign, together with what else asks in the same turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._hand_over, loop)
        signature = loop.create_future()
        self._waiting.append((private, signing_input, signature))
        return signature

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Share what waits among the threads: to wake one and be woken costs a fifteenth of an RSA signature."""
        waiting, self._waiting = self._waiting, []
        for thread in range(min(self._threads, len(waiting))):
            share = waiting[thread :: self._threads]
            try:
                self._pool.submit(_sign_all, share, loop)
            except RuntimeError as closed:
                _answer([(signature, closed) for _, _, signature in share])

    def _header(self, key: SigningKey, typ: str) -> bytes:
        known = self._headers.get((key.life.kid, typ))
        if known is None:
            known = _base64url(orjson.dumps({"alg": key.life.alg, "typ": typ, "kid": key.life.kid}))
            self._headers[key.life.kid, typ] = known
        return known


def _sign_all(waiting: list[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
    """On a thread: sign each, and tell the loop once."""
    made = [(signature, _outcome(private, signing_input)) for private, signing_input, signature in waiting]
    loop.call_soon_threadsafe(_answer, made)


def _outcome(private: PrivateKey, signing_input: bytes) -> bytes | Exception:
    try:
        return private.sign(signing_input)
    except Exception as fault:  # noqa: BLE001 - it is raised again, to the one who asked
        return fault


def _answer(made: list[tuple[asyncio.Future[bytes], bytes | Exception]]) -> None:
    for signature, outcome in made:
        if signature.done():
            continue
        if isinstance(outcome, Exception):
            signature.set_exception(outcome)
        else:
            signature.set_result(outcome)


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
