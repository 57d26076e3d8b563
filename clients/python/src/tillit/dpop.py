"""DPoP for a client: a key of its own, and a fresh proof of it on every request (RFC 9449)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tillit.core.dpop_proof import DPOP_TYPE, access_token_hash
from tillit.core.htu import NotAnAddress, normal_htu
from tillit.core.presented import BEARER, DPOP
from tillit.core.response import Reply, wants_nonce
from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock
from tillit.jose import algorithms
from tillit.jose.encoding import b64url_encode
from tillit.jose.private_keys import SigningKey, read_jwk, read_pem
from tillit.jose.public_keys import thumbprint

_ORIGINS: Final = 256
_MAX_NONCE: Final = 512


class DpopKey:
    """A private key that tokens are bound to, and that never leaves this process. Not the client's signing key.

    One of its own for each client and process is the best: a token that is stolen without it is worth nothing.
    """

    def __init__(self, signing_key: SigningKey) -> None:
        self._key, self._alg = signing_key.key, signing_key.alg
        self._jwk = _public_jwk(signing_key)
        self._thumbprint = thumbprint(signing_key.key.public_key())

    @staticmethod
    def generate(alg: str = "ES256") -> DpopKey:
        """A new key for ES256, ES384 or Ed25519. Raises ConfigError for another algorithm."""
        if alg == "Ed25519":
            return DpopKey(SigningKey(Ed25519PrivateKey.generate(), alg, None))
        if alg not in ("ES256", "ES384"):
            raise ConfigError("a DPoP key is generated for ES256, ES384 or Ed25519")
        return DpopKey(SigningKey(generate_private_key(SECP256R1() if alg == "ES256" else SECP384R1()), alg, None))

    @staticmethod
    def from_jwk(jwk: Mapping[str, Any] | str, alg: str | None = None) -> DpopKey:
        """The key in a private JWK. Raises ConfigError."""
        return DpopKey(read_jwk(jwk, alg))

    @staticmethod
    def from_pem(pem: str | bytes, alg: str | None = None, password: bytes | None = None) -> DpopKey:
        """The key in a PEM text. Raises ConfigError."""
        return DpopKey(read_pem(pem, alg, password))

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        return self._alg

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the public key, as it stands in the `cnf.jkt` of tokens."""
        return self._thumbprint

    def proof(self, method: str, url: str, *, now: int, nonce: str | None = None, token: str | None = None) -> str:
        """A proof for one request (RFC 9449 section 4.2), never to be sent twice. `now` is seconds since the epoch.

        With `token`, the access token that the request brings, it holds the token's hash. Raises ConfigError for a
        `url` that is not an absolute http or https URL.
        """
        try:
            address = normal_htu(url)
        except NotAnAddress as error:
            raise ConfigError(f"no DPoP proof can be made for the URL: {error}") from None
        claims: dict[str, Any] = {"jti": str(uuid.uuid4()), "htm": method, "htu": address, "iat": now}
        if token is not None:
            claims["ath"] = access_token_hash(token)
        if nonce is not None:
            claims["nonce"] = nonce
        parts = ({"typ": DPOP_TYPE, "alg": self._alg, "jwk": self._jwk}, claims)
        signed = ".".join(b64url_encode(json.dumps(part, separators=(",", ":")).encode("ascii")) for part in parts)
        return f"{signed}.{b64url_encode(algorithms.sign(self._alg, self._key, signed.encode('ascii')))}"

    def __repr__(self) -> str:
        return f"DpopKey(alg={self._alg!r}, thumbprint={self._thumbprint!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a DPoP key is not pickled; generate one in the other process")


class Prover:
    """Makes proofs with one key, and remembers the last nonce of each origin (RFC 9449 sections 8.2 and 9).

    Safe to share between threads and tasks. `time` is the wall clock, in seconds since the Unix epoch.
    """

    def __init__(self, key: DpopKey, time: Callable[[], float]) -> None:
        self.key = key
        self._time = time
        self._lock = ForkSafeLock()
        self._nonces: dict[str, str] = {}

    def headers(self, method: str, url: str, token: Token | None = None) -> dict[str, str]:
        """The headers of one request: `DPoP`, and `Authorization` when it brings a token. Raises ConfigError."""
        value = None if token is None else token.value
        with self._lock:
            nonce = self._nonces.get(_origin(url))
        headers = {"DPoP": self.key.proof(method, url, now=int(self._time()), nonce=nonce, token=value)}
        return headers if token is None else {"Authorization": token.authorization, **headers}

    def learn(self, url: str, headers: Mapping[str, str]) -> bool:
        """Remember the nonce in the `headers` (lower-case names) of an answer from `url`; whether there is one."""
        nonce = headers.get("dpop-nonce", "")
        if not 0 < len(nonce) <= _MAX_NONCE or not nonce.isascii() or not nonce.isprintable():
            return False
        origin = _origin(url)
        with self._lock:
            self._nonces.pop(origin, None)
            while len(self._nonces) >= _ORIGINS:
                del self._nonces[next(iter(self._nonces))]
            self._nonces[origin] = nonce
        return True

    def __repr__(self) -> str:
        return f"Prover({self.key!r})"


@dataclass(frozen=True, slots=True)
class GrantProofs:
    """What DPoP adds to requests for tokens: nothing where there is no `prover`. `kinds` are the token types taken."""

    prover: Prover | None
    kinds: tuple[str, ...]

    @staticmethod
    def of(key: DpopKey | None, time: Callable[[], float], *, optional: bool) -> GrantProofs:
        """Those of one client. With `optional` a Bearer token is taken too, though it is bound to nothing."""
        if key is None:
            return GrantProofs(None, (BEARER,))
        return GrantProofs(Prover(key, time), (DPOP, BEARER) if optional else (DPOP,))

    def with_key(self, signer: str) -> str:
        """`signer` and the key: a token is of no use without the key that it is bound to."""
        return signer if self.prover is None else f"{signer} {self.prover.key.thumbprint}"

    def headers(self, endpoint: str) -> dict[str, str]:
        """The proof for one request of a token. Raises ConfigError."""
        return {} if self.prover is None else self.prover.headers("POST", endpoint)

    def again(self, endpoint: str, reply: Reply) -> bool:
        """Whether the same is to be asked once more, with the nonce that `reply` brought."""
        learnt = self.prover is not None and self.prover.learn(endpoint, reply.headers)
        return learnt and wants_nonce(reply)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _public_jwk(signing_key: SigningKey) -> dict[str, Any]:
    public = signing_key.key.public_key()
    members: tuple[str, ...]
    if isinstance(public, Ed25519PublicKey):
        jwk, members = OKPAlgorithm.to_jwk(public, as_dict=True), ("kty", "crv", "x")
    elif isinstance(public, EllipticCurvePublicKey):
        jwk, members = ECAlgorithm.to_jwk(public, as_dict=True), ("kty", "crv", "x", "y")
    else:
        jwk, members = RSAAlgorithm.to_jwk(public, as_dict=True), ("kty", "n", "e")
    return {name: jwk[name] for name in members}
