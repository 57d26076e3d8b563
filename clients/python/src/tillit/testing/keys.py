"""Key pairs for tests, the signatures they make, and the keys an authority signs with."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tillit import signers
from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import KNOWN_ALGORITHMS, PrivateKey, PublicKey
from tillit.jose.encoding import b64url_encode
from tillit.jose.public_keys import thumbprint
from tillit.signers import Signer


@dataclass(frozen=True)
class KeyPair:
    """A private key bound to one algorithm, and the id of its public half. Hidden in `repr`."""

    alg: str
    kid: str
    private: PrivateKey = field(repr=False)

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public JWK with `kid`, `use` and `alg`, as it is registered and published."""
        return {**_members(self.private.public_key()), "kid": self.kid, "use": "sig", "alg": self.alg}

    @cached_property
    def private_jwk(self) -> dict[str, Any]:
        """The private JWK, as `TILLIT_CLIENT_JWK` takes it."""
        return {**_members(self.private), "kid": self.kid, "use": "sig", "alg": self.alg}

    @cached_property
    def pem(self) -> str:
        """The private key in PKCS #8 PEM."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    @cached_property
    def public_pem(self) -> str:
        """The public key in PEM."""
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    @property
    def signer(self) -> Signer:
        """What a `ClientConfig` signs with."""
        return signers.from_pem(self.pem, kid=self.kid, alg=self.alg)

    def sign(self, data: bytes) -> bytes:
        """The JWS signature of `data`."""
        return algorithms.sign(self.alg, self.private, data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is that of `data`."""
        return algorithms.verify(self.alg, self.private.public_key(), data, signature)

    def jwt(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """`claims` as a compact JWT. `header` adds members, replaces them, or with None leaves them out."""
        members = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **(header or {})}
        return self.jws(_json({name: value for name, value in members.items() if value is not None}), _json(claims))

    def jws(self, header: bytes, payload: bytes) -> str:
        """These very bytes of header and payload, signed: for what no JSON writer would write."""
        signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}"
        return f"{signing_input}.{b64url_encode(self.sign(signing_input.encode('ascii')))}"


def make_key(alg: str = "ES256", kid: str | None = None) -> KeyPair:
    """A new key pair for `alg`: RSA of 2048 bits, P-256, P-384 or Ed25519. Its id defaults to its thumbprint.

    Raises ConfigError for an algorithm this library does not know.
    """
    if alg not in KNOWN_ALGORITHMS:
        raise ConfigError("alg must be one of " + ", ".join(sorted(KNOWN_ALGORITHMS)))
    private: PrivateKey
    if alg == "Ed25519":
        private = Ed25519PrivateKey.generate()
    elif alg.startswith("ES"):
        private = ec.generate_private_key(ec.SECP256R1() if alg == "ES256" else ec.SECP384R1())
    else:
        private = rsa.generate_private_key(65537, 2048)
    return KeyPair(alg, kid or thumbprint(private.public_key()), private)


class SigningKeys:
    """The keys an authority signs tokens with, one an algorithm, each made when it is first needed.

    `published` says of which algorithms the key is made and shown at once, for nobody can know a key that was not.
    """

    def __init__(self, published: tuple[str, ...] = ("ES256", "RS256")) -> None:
        self._published = published
        self._lock = threading.RLock()
        self._current: dict[str, KeyPair] = {}
        self._earlier: list[KeyPair] = []

    @property
    def preferred(self) -> str:
        """The algorithm for what has none of its own."""
        return self._published[0]

    def current(self, alg: str) -> KeyPair:
        """The key that signs under `alg` now."""
        with self._lock:
            if alg not in self._current:
                self._current[alg] = make_key(alg)
            return self._current[alg]

    def rotate(self) -> None:
        """Sign with new keys from here on; the ones before stay published."""
        with self._lock:
            self._earlier += self._current.values()
            self._current = {}

    def withdraw(self) -> None:
        """Sign with new keys, and publish none of those before: as after a theft."""
        with self._lock:
            self._current, self._earlier = {}, []

    def jwks(self) -> dict[str, Any]:
        """The published set (RFC 7517 section 5)."""
        with self._lock:
            for alg in self._published:
                self.current(alg)
            return {"keys": [key.jwk for key in (*self._current.values(), *self._earlier)]}

    def copy(self) -> SigningKeys:
        """The same keys, those published made if they were not, and rotated on their own from here on."""
        self.jwks()
        twin = SigningKeys(self._published)
        twin._current, twin._earlier = dict(self._current), list(self._earlier)
        return twin


def _members(key: PrivateKey | PublicKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        members: dict[str, Any] = RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        members = ECAlgorithm.to_jwk(key, as_dict=True)
    else:
        members = OKPAlgorithm.to_jwk(key, as_dict=True)
    members.pop("key_ops", None)
    return members


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("utf-8")
