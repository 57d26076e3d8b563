"""Signature algorithms by their JOSE names, and which key may be used with which (RFC 8725 section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "Ed25519")

_IMPLEMENTATIONS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
        "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
        "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
        "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
        "ES256": ECAlgorithm(ECAlgorithm.SHA256),
        "ES384": ECAlgorithm(ECAlgorithm.SHA384),
        "Ed25519": OKPAlgorithm(),
    }
)
KNOWN_ALGORITHMS: Final = frozenset(_IMPLEMENTATIONS)

_MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 4096
_EC_ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType({"secp256r1": "ES256", "secp384r1": "ES384"})
_RSA_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256"})


class UnsuitableKey(ValueError):
    """A key that may not be used; the message names the rule and never the key."""


def canonical_name(alg: str | None) -> str | None:
    """`alg` as RFC 9864 spells it: the older `EdDSA` means `Ed25519` here, the one curve of it that is supported."""
    return "Ed25519" if alg == "EdDSA" else alg


def algorithm_for(key: object, declared: str | None) -> str:
    """The one algorithm `key` is used with: the `declared` one if it fits, else the default of its type.

    Raises UnsuitableKey for key types, curves, RSA sizes (2048 to 4096 bits) and exponents (65537) outside the rules.
    """
    alg = canonical_name(declared)
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        _check_rsa(key)
        allowed, default = _RSA_ALGORITHMS, "RS256"
    elif isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        default = _EC_ALGORITHMS.get(key.curve.name, "")
        allowed = frozenset({default})
    elif isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        allowed, default = frozenset({"Ed25519"}), "Ed25519"
    else:
        raise UnsuitableKey("keys of this type are not used for signatures here")
    if not default:
        raise UnsuitableKey("the curve must be P-256 or P-384")
    if alg is None:
        return default
    if alg not in allowed:
        raise UnsuitableKey("the key does not fit its alg")
    return alg


def _check_rsa(key: RSAPrivateKey | RSAPublicKey) -> None:
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    if not _MIN_RSA_BITS <= public.key_size <= _MAX_RSA_BITS:
        raise UnsuitableKey("an RSA key must have 2048 to 4096 bits")
    if public.public_numbers().e != 65537:
        raise UnsuitableKey("the exponent of an RSA key must be 65537")


def sign(alg: str, key: PrivateKey, data: bytes) -> bytes:
    """The JWS signature of `data` (RFC 7515 section 5.1). `alg` must come from `algorithm_for`."""
    implementation: Any = _IMPLEMENTATIONS[alg]
    signature: bytes = implementation.sign(data, key)
    return signature


def verify(alg: str, key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `data` (RFC 7515 section 5.2). `alg` must come from `algorithm_for`."""
    return _IMPLEMENTATIONS[alg].verify(data, key, signature)
