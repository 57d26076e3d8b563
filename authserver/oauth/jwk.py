"""Which public keys we accept, what they verify, and what they are called (RFC 7517, 7518, 7638, 8037).

Intake is a security boundary (P8): everything is judged on the bare numbers before a library builds a key object,
because one oversized or private-looking JWK can cost seconds there.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from authserver.oauth import limits
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jose import decode_segment
from authserver.oauth.models import VerificationKey
from authserver.oauth.verifier import verifier_of
from authserver.oauth.weak_keys import weakness

KID = re.compile(rf"[A-Za-z0-9._~:+/=-]{{1,{limits.KID_CHARS}}}")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_EC_BYTES = MappingProxyType({"P-256": 32, "P-384": 48})
_EC_NAMES = MappingProxyType({"secp256r1": "P-256", "secp384r1": "P-384"})
_THUMBPRINT_MEMBERS = MappingProxyType(
    {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
)
_ALGORITHMS = MappingProxyType(
    {
        ("RSA", ""): ("RS256", "PS256", "RS384", "RS512"),
        ("EC", "P-256"): ("ES256",),
        ("EC", "P-384"): ("ES384",),
        ("OKP", "Ed25519"): ("Ed25519",),
    }
)
_ED25519_P = 2**255 - 19
_ED25519_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _ED25519_P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        _ED25519_P - 2707385501144840649318225287225658788936804267575313519463743609750303402022,
    }
)


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """A public key that passed intake: its `kid`, its one algorithm, its canonical JWK and its thumbprint."""

    kid: str
    alg: str
    jwk: str
    thumbprint: str
    verifier: VerificationKey


def accept(jwk: Mapping[str, Any], *, kid: str | None = None, alg: str | None = None) -> AcceptedKey:
    """Judge a public JWK offered for registration.

    `kid` and `alg` fill in for members the JWK lacks; without any, the kid is the thumbprint and the algorithm the
    first that fits the key. Raises Refusal KEY_REFUSED, naming what is wrong and never the key.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise _refused("it holds private or symmetric members; send the public key only")
    key_ops = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(key_ops, list) or "verify" not in key_ops:
        raise _refused("it is not for signatures (use, key_ops)")
    public = _public_members(jwk)
    thumbprint = _thumbprint(public)
    named_kid = kid if kid is not None else jwk.get("kid", thumbprint)
    if not isinstance(named_kid, str) or not KID.fullmatch(named_kid):
        raise _refused("its kid is not 1 to 128 of the characters A-Z a-z 0-9 . _ ~ : + / = -")
    bound = alg if alg is not None else jwk.get("alg", _algorithms(public)[0])
    verifier = verification_key(public, bound)
    canonical = json.dumps(public, separators=(",", ":"), sort_keys=True)
    return AcceptedKey(named_kid, bound, canonical, thumbprint, verifier)


def accept_pem(pem: str, *, kid: str | None = None, alg: str | None = None) -> AcceptedKey:
    """Judge a PEM public key (`BEGIN PUBLIC KEY`) as `accept` does a JWK. Raises Refusal KEY_REFUSED."""
    if "PRIVATE KEY" in pem:
        raise _refused("it is a private key; send the public key only")
    # Size before parsing.
    if len(pem) > limits.JWK_BYTES or "BEGIN PUBLIC KEY" not in pem:
        raise _refused("it is not a PEM public key")
    try:
        key = load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise _refused("it is not a PEM public key") from None
    return accept(_jwk_of(key), kid=kid, alg=alg)


def verification_key(jwk: Mapping[str, Any], alg: str) -> VerificationKey:
    """Build what verifies this algorithm with this public JWK. Raises Refusal KEY_REFUSED."""
    public = _public_members(jwk)
    if alg not in _algorithms(public):
        raise _refused("its algorithm does not fit the key")
    kinds: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    try:
        key: Any = kinds[public["kty"]].import_key(dict(public)).public_key
    except (JoseError, ValueError):
        raise _refused("it is not a valid public key") from None
    return verifier_of(key, alg)


def _jwk_of(key: object) -> dict[str, str]:
    """Write a loaded public key as a JWK, to be judged as any other (RFC 7518 §6, RFC 8037 §2)."""
    if isinstance(key, RSAPublicKey):
        rsa = key.public_numbers()
        return {"kty": "RSA", "n": _base64url_uint(rsa.n), "e": _base64url_uint(rsa.e)}
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _EC_NAMES:
        point, curve = key.public_numbers(), _EC_NAMES[key.curve.name]
        size = _EC_BYTES[curve]
        return {"kty": "EC", "crv": curve, "x": _base64url_uint(point.x, size), "y": _base64url_uint(point.y, size)}
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(key.public_bytes_raw())}
    return {}


def _base64url_uint(number: int, size: int = 0) -> str:
    return _base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _refused(what: str) -> Refusal:
    return Refusal(Reason.KEY_REFUSED, value=what)


def _algorithms(public: Mapping[str, str]) -> tuple[str, ...]:
    return _ALGORITHMS[public["kty"], public.get("crv", "")]


def _thumbprint(public: Mapping[str, str]) -> str:
    """RFC 7638 §3: SHA-256 over the required members in order, without white space."""
    required = {name: public[name] for name in _THUMBPRINT_MEMBERS[public["kty"]]}
    digest = sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode("ascii")).digest()
    return _base64url(digest)


def _public_members(jwk: Mapping[str, Any]) -> dict[str, str]:
    """Keep the members that make the key, each judged, and nothing else."""
    kty = jwk.get("kty")
    if kty == "RSA":
        return {"kty": "RSA", **_rsa_members(jwk)}
    curve = jwk.get("crv")
    if kty == "EC" and isinstance(curve, str) and curve in _EC_BYTES:
        size = _EC_BYTES[curve]
        return {"kty": "EC", "crv": curve, "x": _octets(jwk, "x", size), "y": _octets(jwk, "y", size)}
    if kty == "OKP" and curve == "Ed25519":
        return {"kty": "OKP", "crv": "Ed25519", "x": _ed25519_point(jwk)}
    raise _refused("it is not RSA, EC on P-256 or P-384, or Ed25519")


def _rsa_members(jwk: Mapping[str, Any]) -> dict[str, str]:
    octets = _decoded(jwk, "n", limits.RSA_BITS_MOST // 8)
    if octets[:1] == b"\0":
        raise _refused("its modulus starts with a zero octet (RFC 7518 section 6.3.1.1)")
    modulus = int.from_bytes(octets, "big")
    if not limits.RSA_BITS_LEAST <= modulus.bit_length() <= limits.RSA_BITS_MOST:
        raise _refused("an RSA key has 2048 to 4096 bits")
    if _decoded(jwk, "e", 8) != limits.RSA_EXPONENT.to_bytes(3, "big"):
        raise _refused("an RSA key has the exponent 65537")
    if fault := weakness(modulus):
        raise _refused(fault)
    return {"n": jwk["n"], "e": jwk["e"]}


def _ed25519_point(jwk: Mapping[str, Any]) -> str:
    """Refuse points of small order and non-canonical ones, under which forgeries verify (RFC 8032 §5.1.3)."""
    text = _octets(jwk, "x", 32)
    y = int.from_bytes(decode_segment(text), "little") & (2**255 - 1)
    if y >= _ED25519_P or y in _ED25519_SMALL_ORDER_Y:
        raise _refused("its point is of small order or not canonical")
    return text


def _octets(jwk: Mapping[str, Any], name: str, size: int) -> str:
    if len(_decoded(jwk, name, size)) != size:
        raise _refused(f"its member {name} does not have {size} bytes")
    return str(jwk[name])


def _decoded(jwk: Mapping[str, Any], name: str, most: int) -> bytes:
    """Decode one member, looking at its length before anything else (RFC 7518 §2: no leading zero octets)."""
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii() or len(text) > most * 2:
        raise _refused(f"its member {name} is missing, not text or too long")
    try:
        return decode_segment(text)
    except ValueError:
        raise _refused(f"its member {name} is not base64url") from None
