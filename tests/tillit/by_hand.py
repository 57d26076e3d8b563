"""JOSE as tests need it: every signature and key by hand, made from `cryptography` alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int, size: int | None = None) -> str:
    """An integer as JWKs write it."""
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def public_jwk(key: PrivateKey, kid: str, alg: str) -> dict[str, Any]:
    """The public JWK of `key`."""
    common = {"kid": kid, "use": "sig", "alg": alg}
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(rsa_numbers.n), "e": number(rsa_numbers.e), **common}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        ec_numbers, size = key.public_key().public_numbers(), key.key_size // 8
        curve = "P-256" if size == 32 else "P-384"
        return {"kty": "EC", "crv": curve, "x": number(ec_numbers.x, size), "y": number(ec_numbers.y, size), **common}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw()), **common}


def sign(key: PrivateKey, alg: str, data: bytes) -> bytes:
    """A JWS signature."""
    if isinstance(key, rsa.RSAPrivateKey):
        if alg == "PS256":
            return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = key.key_size // 8
        digest = hashes.SHA256() if size == 32 else hashes.SHA384()
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(data)


def compact(key: PrivateKey, alg: str, header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes) -> str:
    """A compact JWS; header and claims may be given as bytes, to be wrong in ways `json` does not write."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    signing_input = ".".join(b64(part) for part in parts)
    return f"{signing_input}.{b64(sign(key, alg, signing_input.encode()))}"
