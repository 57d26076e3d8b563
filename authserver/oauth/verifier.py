"""Signatures under one public key (RFC 7515 §5.2), with all that does not depend on the message made once.

The check itself is the library's, called directly; only the form that ECDSA signatures have in JOSE is undone here.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from authserver.oauth.models import VerificationKey

_HASHES: dict[str, type[HashAlgorithm]] = {"256": SHA256, "384": SHA384, "512": SHA512}


class RsaVerifier:
    """RSASSA with one padding and one hash (RFC 7518 §3.3, §3.5)."""

    __slots__ = ("_hash", "_key", "_padding")

    def __init__(self, key: RSAPublicKey, padding: AsymmetricPadding, digest: HashAlgorithm) -> None:
        self._key = key
        self._padding = padding
        self._hash = digest

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, signing_input, self._padding, self._hash)
        except InvalidSignature:
            return False
        return True


class EcdsaVerifier:
    """ECDSA, whose signature is R and S as two integers of the curve's size, not DER (RFC 7518 §3.4)."""

    __slots__ = ("_algorithm", "_key", "_size")

    def __init__(self, key: EllipticCurvePublicKey, digest: HashAlgorithm) -> None:
        self._key = key
        self._algorithm = ECDSA(digest)
        self._size = key.key_size // 8

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        size = self._size
        if len(signature) != 2 * size:
            return False
        der = encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
        try:
            self._key.verify(der, signing_input, self._algorithm)
        except InvalidSignature:
            return False
        return True


class Ed25519Verifier:
    """Ed25519 (RFC 8037 §3.1, named by RFC 9864)."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, signing_input)
        except InvalidSignature:
            return False
        return True


def verifier_of(key: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey, alg: str) -> VerificationKey:
    """Bind a key to one algorithm that fits it; any other is then out of reach (RFC 8725 §3.1)."""
    if isinstance(key, Ed25519PublicKey):
        return Ed25519Verifier(key)
    digest = _HASHES[alg[2:]]()
    if isinstance(key, EllipticCurvePublicKey):
        return EcdsaVerifier(key, digest)
    return RsaVerifier(key, PSS(MGF1(digest), digest.digest_size) if alg.startswith("PS") else PKCS1v15(), digest)
