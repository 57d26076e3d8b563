"""The keys of the shared vectors: the same each time, made from numbers that anybody can look up here.

They protect nothing. Signatures are deterministic too (RFC 6979, RFC 8032, PKCS #1 v1.5), so that the vectors are.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.tillit.by_hand import PrivateKey

_E = 65537
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


@cache
def vector_keys(label: str) -> dict[str, PrivateKey]:
    """One key for each algorithm, by the algorithm's name."""
    return {
        "RS256": _rsa(label),
        "ES256": ec.derive_private_key(_number(f"{label} P-256", 240), ec.SECP256R1()),
        "ES384": ec.derive_private_key(_number(f"{label} P-384", 360), ec.SECP384R1()),
        "Ed25519": Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{label} Ed25519".encode()).digest()),
    }


def deterministic_signature(key: PrivateKey, data: bytes) -> bytes:
    """The JWS signature of `data`, the same each time."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    size = key.key_size // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest, deterministic_signing=True)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _rsa(label: str) -> rsa.RSAPrivateKey:
    p, q = sorted((_prime(f"{label} p"), _prime(f"{label} q")), reverse=True)
    d = pow(_E, -1, math.lcm(p - 1, q - 1))
    numbers = rsa.RSAPublicNumbers(_E, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), numbers).private_key()


def _prime(label: str) -> int:
    # The two highest bits set, so that the product of two has 2048 bits.
    candidate = _number(label, 1022) | 3 << 1022 | 1
    while not _is_prime(candidate) or math.gcd(candidate - 1, _E) != 1:
        candidate += 2
    return candidate


def _is_prime(number: int) -> bool:
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for witness in _WITNESSES:
        power = pow(witness, odd, number)
        if power in {1, number - 1}:
            continue
        if not any((power := power * power % number) == number - 1 for _ in range(twos - 1)):
            return False
    return True


def _number(label: str, bits: int) -> int:
    return int.from_bytes(hashlib.shake_256(label.encode()).digest(bits // 8 + 1)) % (1 << bits)
