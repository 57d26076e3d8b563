"""Key pairs of clients under test, and signatures over any bytes at all, also those that no library would sign."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

Alg = Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@dataclass(frozen=True)
class KeyPair:
    """A client's key pair, bound to one algorithm as its registration is."""

    alg: str
    kid: str
    private: PrivateKey = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public JWK, with `kid`, `alg` and `use`."""
        return {**public_members(self.private), "kid": self.kid, "alg": self.alg, "use": "sig"}

    @property
    def pem(self) -> str:
        """The private key in PKCS #8, as libraries load it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii")

    @property
    def public_pem(self) -> str:
        """The public key, `BEGIN PUBLIC KEY`."""
        public = self.private.public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(
            "ascii"
        )

    def sign(self, data: bytes) -> bytes:
        """Sign as RFC 7518 §3 and RFC 8037 §3.1 say for the key's algorithm."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        digest = _HASHES[self.alg[2:]]
        if isinstance(self.private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return self.private.sign(data, pss if self.alg.startswith("PS") else padding.PKCS1v15(), digest)
        size = self.private.key_size // 8
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def jwt(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign claims as a compact JWT; a header member given as None is left out."""
        members = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        return self.jws(as_json({name: value for name, value in members.items() if value is not None}), as_json(claims))

    def jws(self, header: bytes, payload: bytes) -> str:
        """Sign these very bytes of header and payload."""
        signing_input = f"{base64url(header)}.{base64url(payload)}"
        return f"{signing_input}.{base64url(self.sign(signing_input.encode('ascii')))}"


def make_key(alg: str = "ES256", kid: str | None = None) -> KeyPair:
    """Make a key pair for one algorithm: RSA of 2048 bits, P-256, P-384 or Ed25519."""
    private: PrivateKey
    if alg == "Ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    elif alg.startswith("ES"):
        private = ec.generate_private_key(ec.SECP256R1() if alg == "ES256" else ec.SECP384R1())
    else:
        private = rsa.generate_private_key(65537, 2048)
    return KeyPair(alg, kid or f"key-{token_hex(4)}", private)


def public_members(private: PrivateKey) -> dict[str, str]:
    """The members of the public JWK that make the key (RFC 7518 §6, RFC 8037 §2)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(private.public_key().public_bytes_raw())}
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    point, size = private.public_key().public_numbers(), private.key_size // 8
    return {"kty": "EC", "crv": f"P-{private.key_size}", "x": _number(point.x, size), "y": _number(point.y, size)}


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def as_json(value: Any) -> bytes:
    """Encode as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def _number(value: int, size: int = 0) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
