"""Public keys of an authority: JWK Set documents read so that one odd key never spoils the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tillit.jose.algorithms import PublicKey, UnsuitableKey, algorithm_for
from tillit.jose.compact import MAX_KID
from tillit.jose.encoding import MalformedJose, b64url_decode, b64url_encode, read_json_object

MAX_KEYS: Final = 64
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, int]]] = MappingProxyType(
    {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48)}
)
_ED25519_P: Final = 2**255 - 19
# The y coordinates of the eight points of small order: under such a key one signature fits many messages.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _ED25519_P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the one algorithm it verifies."""

    kid: str
    alg: str
    key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of a JWK Set, and why the others were passed over."""

    keys: tuple[VerificationKey, ...]
    skipped: tuple[str, ...] = ()

    def has(self, kid: str) -> bool:
        """Whether any key bears this id."""
        return any(key.kid == kid for key in self.keys)

    def find(self, kid: str, alg: str) -> VerificationKey | None:
        """The key with this id that is bound to `alg`."""
        for key in self.keys:
            if key.kid == kid and key.alg == alg:
                return key
        return None


def read_jwks(document: bytes) -> KeySet:
    """The usable keys of a JWK Set (RFC 7517 section 5).

    Keys of an unknown type, symmetric keys, keys that are not for signatures and malformed keys are passed over.
    Raises MalformedJose if the document is not a JWK Set, has more than 64 keys, or has no usable key.
    """
    keys = read_json_object(document).get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise MalformedJose("the document is not a JWK Set of at most 64 keys")
    usable: list[VerificationKey] = []
    skipped: list[str] = []
    for jwk in keys:
        try:
            usable.append(read_public_jwk(jwk))
        except (UnsuitableKey, MalformedJose) as error:
            skipped.append(str(error))
    if not usable:
        raise MalformedJose("the JWK Set has no usable key")
    return KeySet(tuple(usable), tuple(skipped))


def read_public_jwk(jwk: object) -> VerificationKey:
    """One public JWK as a verification key. Raises UnsuitableKey or MalformedJose with the reason."""
    if not isinstance(jwk, dict):
        raise UnsuitableKey("a key is not a JSON object")
    reader = _READERS.get(str(jwk.get("kty")))
    if reader is None:
        raise UnsuitableKey("the key type is not used here")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise UnsuitableKey("the key holds private members")
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise UnsuitableKey("the key has no usable kid")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnsuitableKey("the key is not for signatures")
    if alg is not None and not isinstance(alg, str):
        raise UnsuitableKey("the alg of the key is not a string")
    key = reader(jwk)
    return VerificationKey(kid, algorithm_for(key, alg), key)


def _read_rsa(jwk: Mapping[str, Any]) -> PublicKey:
    modulus, exponent = b64url_decode(jwk.get("n", "")), b64url_decode(jwk.get("e", ""))
    # Sizes are looked at before OpenSSL is: loading a huge modulus is itself costly.
    if not 256 <= len(modulus) <= 512:
        raise UnsuitableKey("an RSA key must have 2048 to 4096 bits")
    if int.from_bytes(exponent, "big") != 65537:
        raise UnsuitableKey("the exponent of an RSA key must be 65537")
    try:
        return RSAPublicNumbers(65537, int.from_bytes(modulus, "big")).public_key()
    except ValueError:
        raise UnsuitableKey("the RSA key is not valid") from None


def _read_ec(jwk: Mapping[str, Any]) -> PublicKey:
    curve, size = _CURVES.get(str(jwk.get("crv")), (None, 0))
    if curve is None:
        raise UnsuitableKey("the curve must be P-256 or P-384")
    x, y = b64url_decode(jwk.get("x", "")), b64url_decode(jwk.get("y", ""))
    if len(x) != size or len(y) != size:
        raise UnsuitableKey("a coordinate of the EC key has the wrong length")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
    try:
        return numbers.public_key()
    except ValueError:
        raise UnsuitableKey("the EC key is not a point of its curve") from None


def _read_okp(jwk: Mapping[str, Any]) -> PublicKey:
    if jwk.get("crv") != "Ed25519":
        raise UnsuitableKey("the curve must be Ed25519")
    x = b64url_decode(jwk.get("x", ""))
    y = int.from_bytes(x, "little") & (2**255 - 1)
    if len(x) != 32 or y >= _ED25519_P or y in _SMALL_ORDER_Y:
        raise UnsuitableKey("the Ed25519 key is not a safe point")
    try:
        return Ed25519PublicKey.from_public_bytes(x)
    except ValueError:
        raise UnsuitableKey("the Ed25519 key is not valid") from None


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = MappingProxyType(
    {"RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp}
)


def thumbprint(key: PublicKey) -> str:
    """The RFC 7638 SHA-256 thumbprint of `key`, base64url."""
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        members: dict[str, Any] = {"crv": "Ed25519", "kty": "OKP", "x": b64url_encode(raw)}
    elif isinstance(key, ec.EllipticCurvePublicKey):
        jwk = ECAlgorithm.to_jwk(key, as_dict=True)
        members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    else:
        jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
        members = {name: jwk[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")
    return b64url_encode(hashlib.sha256(canonical).digest())
