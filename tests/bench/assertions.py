"""Keys of the bench's clients, and unique assertions signed in bulk on every core before a run."""

from __future__ import annotations

import json
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from secrets import token_hex
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from joserfc.jwk import ECKey, RSAKey

# Seconds. Long enough to sign and to send, and inside the 120 that profiles allow.
LIFE = 110


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair of the bench: `private` and `public` are JWKs with `kid` and `alg`."""

    alg: str
    kid: str
    pem: bytes = field(repr=False)
    private: dict[str, Any] = field(repr=False)
    public: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """What requests to make: whose assertions, for whom, and the form around them up to the assertion's value."""

    key: Key
    client_id: str
    audience: str
    claims: dict[str, Any]
    form: str
    port: int = 0

    def to(self, port: int) -> Order:
        """The same order for a server on this port."""
        return replace(self, port=port)


def make_key(alg: str, kid: str) -> Key:
    """Make an RSA-2048 key for RS256 or a P-256 key for ES256."""
    made = RSAKey.generate_key(2048) if alg == "RS256" else ECKey.generate_key("P-256")
    names = {"kid": kid, "alg": alg, "use": "sig"}
    return Key(alg, kid, made.as_pem(private=True), made.as_dict(private=True) | names, made.as_dict() | names)


class Signers:
    """One process for each core that signs while nothing is measured."""

    def __init__(self) -> None:
        self._count = os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(self._count, mp_context=get_context("spawn"))

    def requests(self, order: Order, count: int) -> list[bytes]:
        """Return `count` complete HTTP requests, each with an assertion of its own that is valid from now."""
        share = -(-count // self._count)
        parts = self._pool.map(sign_requests, [order] * self._count, [share] * self._count)
        return [request for part in parts for request in part]

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def sign_requests(order: Order, count: int) -> list[bytes]:
    """Sign `count` assertions one after the other and wrap each in its request."""
    sign = signer(order.key)
    now = int(time.time())
    header = _segment({"alg": order.key.alg, "kid": order.key.kid, "typ": "JWT"})
    claims = {"iss": order.client_id, "aud": order.audience, "iat": now, "exp": now + LIFE, **order.claims}
    return [_request(order, header, claims | {"jti": token_hex(16)}, sign) for _ in range(count)]


def _request(order: Order, header: bytes, claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> bytes:
    signing_input = header + b"." + _segment(claims)
    body = order.form.encode() + signing_input + b"." + _base64(sign(signing_input))
    head = (
        f"POST /token HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def signer(key: Key) -> Callable[[bytes], bytes]:
    """Return what signs for a key as RFC 7518 §3.3 and §3.4 say."""
    private = serialization.load_pem_private_key(key.pem, None)
    sha256 = hashes.SHA256()
    if isinstance(private, rsa.RSAPrivateKey):
        pkcs1 = padding.PKCS1v15()
        return lambda data: private.sign(data, pkcs1, sha256)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError(f"the bench signs with RSA and P-256 keys, not {type(private).__name__}")
    ecdsa = ec.ECDSA(sha256)
    return lambda data: _raw(private.sign(data, ecdsa))


def _raw(der: bytes) -> bytes:
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _segment(value: dict[str, Any]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def token_header(answer: bytes) -> dict[str, Any]:
    """Return the JOSE header of the access token in the body of an answer. Raises ValueError, KeyError."""
    segment = json.loads(answer)["access_token"].partition(".")[0]
    header: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return header
