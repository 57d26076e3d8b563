"""Tokens that whoever holds a good one and the public keys can make, without the authority."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from tillit.gym.exercises import Exercise, bearer
from tillit.jose import algorithms
from tillit.jose.encoding import b64url_decode, b64url_encode
from tillit.jose.public_keys import VerificationKey
from tillit.jose.unverified import unverified

_HUGE: Final = 32 * 1024
_ES256_SIGNATURE: Final = 64


def forged(good: str, keys: tuple[VerificationKey, ...]) -> Iterator[Exercise]:
    """Exercises made from a good token of the caller's own, and the authority's public keys."""
    header, claims = unverified(good)
    head, body, signature = good.split(".")
    for name in ("none", "None", "nOnE", ""):
        yield bearer(f"alg-{name or 'empty'}", "A", _unsigned({**header, "alg": name}, claims))
    yield bearer("no-signature", "A", f"{head}.{body}.")
    yield bearer("changed-signature", "A", f"{head}.{body}.{_flipped(signature)}")
    yield bearer("changed-claims", "A", f"{head}.{_part({**claims, 'jti': 'gym'})}.{signature}")
    yield bearer("changed-header", "A", f"{_part({**header, 'gym': 1})}.{body}.{signature}")
    yield bearer("zero-signature", "A", f"{head}.{body}.{b64url_encode(bytes(_ES256_SIGNATURE))}")
    yield from _by_stranger(header, claims)
    yield from _by_public_key(header, claims, keys)
    yield bearer("two-parts", "B", f"{head}.{body}", 400, 401)
    yield bearer("five-parts", "B", f"{good}.e30.e30", 400, 401)
    yield bearer("not-base64", "B", f"{head}.{body}.%%%", 400, 401)
    yield bearer("not-json", "B", f"{b64url_encode(b'{')}.{body}.{signature}", 400, 401)
    yield bearer("huge", "C", f"{head}.{'A' * _HUGE}.{signature}", 400, 401, 413, 431)


def _by_stranger(header: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[Exercise]:
    stranger = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    offers: dict[str, dict[str, Any]] = {
        "stranger-under-known-kid": {},
        "unknown-kid": {"kid": "gym"},
        "no-kid": {"kid": None},
        "kid-that-is-a-path": {"kid": "../../../../dev/null"},
        "kid-that-is-a-query": {"kid": "' OR '1'='1"},
        "key-in-header": {"jwk": jwk},
        "address-of-key-in-header": {"jku": "https://gym.invalid/jwk", "x5u": "https://gym.invalid/x5c"},
        "unknown-critical-member": {"crit": ["gym"], "gym": 1},
    }
    for name, members in offers.items():
        shown = {key: value for key, value in {**header, "alg": "ES256", **members}.items() if value is not None}
        data = f"{_part(shown)}.{_part(claims)}"
        yield bearer(name, "A", f"{data}.{b64url_encode(algorithms.sign('ES256', stranger, data.encode()))}")


def _by_public_key(
    header: Mapping[str, Any], claims: Mapping[str, Any], keys: tuple[VerificationKey, ...]
) -> Iterator[Exercise]:
    """HMAC with what everybody knows (RFC 8725 §2.1), for an API that takes the algorithm from the token."""
    key = next((one for one in keys if one.kid == header.get("kid")), None)
    if key is None:
        return
    pem = key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = {
        "public-key-as-secret": pem,
        "public-key-as-secret-without-newline": pem.rstrip(),
        "public-key-in-der-as-secret": key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "empty-secret": b"",
    }
    data = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
    for name, secret in secrets.items():
        code = hmac.new(secret, data.encode(), hashlib.sha256).digest()
        yield bearer(name, "A", f"{data}.{b64url_encode(code)}")


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return f"{_part(header)}.{_part(claims)}."


def _part(members: Mapping[str, Any]) -> str:
    return b64url_encode(json.dumps(dict(members)).encode())


def _flipped(signature: str) -> str:
    raw = bytearray(b64url_decode(signature))
    raw[len(raw) // 2] ^= 1
    return b64url_encode(bytes(raw))
