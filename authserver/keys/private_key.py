"""The private operation, and the algorithms it exists for (RFC 7518 §3, RFC 9864)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

RSA_BITS: Final = 2048
"""Bits of a new RSA key. See docs/explanation/life-of-a-key.md for why not 3072."""


class PrivateKey(Protocol):
    """A key that can sign, wherever its secret is: in this process, or in a token behind PKCS#11."""

    @property
    def slow(self) -> bool:
        """Whether signing takes so long that it must be kept off the event loop."""

    def sign(self, signing_input: bytes) -> bytes:
        """Return the JWS signature over these bytes, in the form its algorithm has in JOSE (RFC 7518 §3.3-3.5)."""


@dataclass(frozen=True, slots=True, repr=False)
class RsaPrivateKey:
    """An RSA key with one padding; SHA-256 (RFC 7518 §3.3, §3.5)."""

    key: rsa.RSAPrivateKey
    padding: padding.AsymmetricPadding
    slow: bool = True

    def sign(self, signing_input: bytes) -> bytes:
        return self.key.sign(signing_input, self.padding, SHA256())


@dataclass(frozen=True, slots=True, repr=False)
class EcPrivateKey:
    """An EC key; the signature is R and S as two integers of `size` bytes, not DER (RFC 7518 §3.4)."""

    key: ec.EllipticCurvePrivateKey
    algorithm: ec.ECDSA
    size: int
    slow: bool = False

    def sign(self, signing_input: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(signing_input, self.algorithm))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")


@dataclass(frozen=True, slots=True, repr=False)
class EdPrivateKey:
    """An Ed25519 key (RFC 8037 §3.1, named by RFC 9864)."""

    key: ed25519.Ed25519PrivateKey
    slow: bool = False

    def sign(self, signing_input: bytes) -> bytes:
        return self.key.sign(signing_input)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row: which JWKs serve the algorithm, how to make one, and how to sign with it."""

    kty: str
    crv: str | None
    generate: Callable[[int], Key]
    private_key: Callable[[Any], PrivateKey]


def _rsa(bits: int) -> Key:
    return RSAKey.generate_key(bits)


def _ec(crv: str) -> Callable[[int], Key]:
    return lambda _bits: ECKey.generate_key(crv)


def _ed25519(_bits: int) -> Key:
    return OKPKey.generate_key("Ed25519")


def _pkcs1(key: rsa.RSAPrivateKey) -> PrivateKey:
    return RsaPrivateKey(key, padding.PKCS1v15())


def _pss(key: rsa.RSAPrivateKey) -> PrivateKey:
    return RsaPrivateKey(key, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size))


def _p256(key: ec.EllipticCurvePrivateKey) -> PrivateKey:
    return EcPrivateKey(key, ec.ECDSA(SHA256()), 32)


def _p384(key: ec.EllipticCurvePrivateKey) -> PrivateKey:
    return EcPrivateKey(key, ec.ECDSA(SHA384()), 48)


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "RS256": Algorithm("RSA", None, _rsa, _pkcs1),
    "PS256": Algorithm("RSA", None, _rsa, _pss),
    "ES256": Algorithm("EC", "P-256", _ec("P-256"), _p256),
    "ES384": Algorithm("EC", "P-384", _ec("P-384"), _p384),
    "Ed25519": Algorithm("OKP", "Ed25519", _ed25519, EdPrivateKey),
}


def read_key(jwk: Mapping[str, Any], alg: str) -> tuple[Mapping[str, str], PrivateKey]:
    """Return the public JWK and the private operation of a private JWK.

    The public part is worked out anew from the private one. Raises ValueError when the JWK is not a private key of
    this algorithm, or when its `kid` is not the RFC 7638 thumbprint of that public part.
    """
    row = ALGORITHMS.get(alg)
    if row is None:
        raise ValueError("is for an algorithm that this authority does not sign with")
    if (jwk.get("kty"), jwk.get("crv")) != (row.kty, row.crv) or "d" not in jwk:
        raise ValueError(f"does not hold a private key for {alg}")
    members = ("kty", "crv", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y")
    private = _native({name: jwk[name] for name in members if name in jwk})
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < RSA_BITS:
        raise ValueError(f"holds an RSA key of {private.key_size} bits, less than {RSA_BITS}")
    public = _KINDS[row.kty].import_key(private.public_key())
    if public.thumbprint() != jwk.get("kid"):
        raise ValueError("has a private part that is not the one its kid names")
    return {str(name): str(value) for name, value in public.as_dict(private=False).items()}, row.private_key(private)


_KINDS: Final[Mapping[str, Any]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def _native(jwk: dict[str, Any]) -> Any:
    try:
        return _KINDS[jwk["kty"]].import_key(jwk).private_key
    except Exception as fault:  # joserfc and cryptography raise a dozen types, and their texts may quote the key
        raise ValueError("holds a key that is damaged") from fault
