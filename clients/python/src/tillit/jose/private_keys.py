"""Private keys in the forms people keep them in: JWK, base64 of a JWK, PEM (also on one line), or a path to these."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from tillit.errors import ConfigError
from tillit.jose.algorithms import PrivateKey, UnsuitableKey, algorithm_for, canonical_name
from tillit.jose.encoding import MalformedJose, read_json_object

_JWK_READERS = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key, the algorithm it is used with, and the key id found beside it, if any."""

    key: PrivateKey
    alg: str
    kid: str | None


def read_jwk(jwk: Mapping[str, Any] | str, alg: str | None = None) -> SigningKey:
    """The private key in a JWK (RFC 7517), given as a mapping or as JSON. An explicit `alg` must fit the key.

    Raises ConfigError if it is not a private key that can sign.
    """
    members = _members(jwk) if isinstance(jwk, str) else dict(jwk)
    reader = _JWK_READERS.get(str(members.get("kty")))
    if reader is None:
        raise ConfigError("the JWK must have kty RSA, EC or OKP")
    if "d" not in members:
        raise ConfigError("the JWK holds no private key (it has no member d)")
    # The cause is dropped wherever key text was parsed: libraries quote their input in messages.
    try:
        key = reader(members)
    except (InvalidKeyError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the JWK is not a valid private key") from None
    kid = members.get("kid")
    return checked_key(key, alg or members.get("alg"), kid if isinstance(kid, str) and kid else None)


def read_pem(pem: str | bytes, alg: str | None = None, password: bytes | None = None) -> SigningKey:
    r"""The private key in a PEM text; `\n` written as two characters, as environment files do, is understood.

    Raises ConfigError if it is not a private key that can sign.
    """
    text = pem.decode("latin-1") if isinstance(pem, bytes) else pem
    text = text.replace("\\r", "").replace("\\n", "\n").strip().strip("\"'")
    try:
        key = load_pem_private_key(text.encode("utf-8"), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the PEM text is not a readable private key") from None
    return checked_key(key, alg, None)


def read_text(text: str, alg: str | None = None) -> SigningKey:
    """The private key in `text`, whichever form it has; a path is followed once.

    Raises ConfigError, naming the accepted forms, if it has none of them.
    """
    found = _read_inline(text, alg)
    if found is not None:
        return found
    path = text.strip()
    if len(path) < 1024 and "\n" not in path:
        # What was meant as a key may have been taken for a path, so errors must not repeat it.
        try:
            found = _read_inline(Path(path).read_text("utf-8"), alg) if Path(path).is_file() else None
        except (OSError, UnicodeDecodeError):
            raise ConfigError("the key is neither text in a known form nor a file that can be read") from None
    if found is None:
        raise ConfigError("the key must be a JWK, base64 of a JWK, PEM text, or the path of a file with one of these")
    return found


def _read_inline(text: str, alg: str | None) -> SigningKey | None:
    text = text.strip()
    if text.startswith("{"):
        return read_jwk(text, alg)
    if "-----BEGIN" in text:
        return read_pem(text, alg)
    try:
        decoded = base64.b64decode(
            "".join(text.split()) + "===", altchars=b"-_" if "-" in text or "_" in text else None
        )
    except (binascii.Error, ValueError):
        return None
    if decoded.lstrip().startswith(b"{"):
        return read_jwk(decoded.decode("utf-8", "replace"), alg)
    if b"-----BEGIN" in decoded:
        return read_pem(decoded, alg)
    return None


def _members(text: str) -> dict[str, Any]:
    try:
        return read_json_object(text.strip().encode("utf-8"))
    except (MalformedJose, UnicodeEncodeError):
        raise ConfigError("the JWK is not a JSON object") from None


def checked_key(key: object, alg: Any, kid: str | None) -> SigningKey:
    """`key` with the algorithm it is used with. Raises ConfigError if it is none that may sign."""
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise ConfigError("the key must be an RSA, EC or Ed25519 private key")
    if alg is not None and not isinstance(alg, str):
        raise ConfigError("the alg of the key must be a string")
    try:
        return SigningKey(key, algorithm_for(key, canonical_name(alg)), kid)
    except UnsuitableKey as error:
        raise ConfigError(f"the key cannot be used: {error}") from None
