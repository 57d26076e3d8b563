"""`tillit keygen`: a key pair, the private half in a file that nobody else can read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tillit.cli.saying import note, refusing, say
from tillit.errors import ConfigError
from tillit.jose.public_keys import thumbprint

Algorithm = Literal["ES256", "RS256", "Ed25519"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
_PUBLIC: Final = frozenset({"kty", "crv", "x", "y", "n", "e"})
_RSA_BITS: Final = 3072


def keygen(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; it must not exist.")],
    *,
    alg: Annotated[Algorithm, typer.Option("--alg", help="Maskinporten takes RS256 only.")] = "ES256",
    kid: Annotated[str | None, typer.Option("--kid", help="The key's id; else its RFC 7638 thumbprint.")] = None,
    pem: Annotated[bool, typer.Option("--pem", help="Write PEM (PKCS #8) instead of a JWK.")] = False,
) -> None:
    """Make a key pair. Print the public half, as a JWK to be registered."""
    key = _make(alg)
    name = kid or thumbprint(key.public_key())
    private = _members(key) | {"kid": name, "alg": alg, "use": "sig"}
    text = _pem(key) if pem else json.dumps(private) + "\n"
    with refusing(as_json=False):
        _write(out, text)
    say({member: value for member, value in private.items() if member in _PUBLIC | {"kid", "alg", "use"}})
    note(f"The private key is in {out}; it was shown to nobody. Register the public key above on your client.")


def _make(alg: Algorithm) -> PrivateKey:
    if alg == "RS256":
        return rsa.generate_private_key(65537, _RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else Ed25519PrivateKey.generate()


def _members(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        members = RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, Ed25519PrivateKey):
        members = OKPAlgorithm.to_jwk(key, as_dict=True)
    else:
        members = ECAlgorithm.to_jwk(key, as_dict=True)
    return {name: value for name, value in members.items() if name != "key_ops"}


def _pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _write(path: Path, text: str) -> None:
    try:
        # Never over another key, and never for a moment with the rights of an ordinary file.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
