"""A private key in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import Certificate

from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.private_keys import SigningKey, checked_key, read_jwk, read_pem, read_text
from tillit.jose.public_keys import thumbprint
from tillit.signers.chains import read_certificates, x5c_of


class LocalSigner:
    """Signs with a private key in memory. Its key id defaults to the RFC 7638 thumbprint.

    With `x5c`, the certificates as RFC 7515 section 4.1.6 writes them, these are sent in place of a key id.
    """

    def __init__(self, signing_key: SigningKey, kid: str | None = None, x5c: Sequence[str] = ()) -> None:
        self._key = signing_key.key
        self._alg = signing_key.alg
        self._thumbprint = thumbprint(signing_key.key.public_key())
        self._kid = kid or signing_key.kid or self._thumbprint
        self._x5c = tuple(x5c)

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        return self._alg

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        return self._thumbprint

    def header(self) -> Mapping[str, Any]:
        """`{"kid": …}`, or `{"x5c": […]}` for a key with a certificate."""
        return {"x5c": list(self._x5c)} if self._x5c else {"kid": self._kid}

    def sign(self, data: bytes) -> bytes:
        """The JWS signature of `data`."""
        return algorithms.sign(self._alg, self._key, data)

    def __repr__(self) -> str:
        return f"LocalSigner(alg={self._alg!r}, thumbprint={self._thumbprint!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer with a private key is not pickled; build it again in the other process")


def from_jwk(jwk: Mapping[str, Any] | str, *, kid: str | None = None, alg: str | None = None) -> LocalSigner:
    """A signer from a private JWK, as a mapping or JSON text. Raises ConfigError if it cannot sign."""
    return LocalSigner(read_jwk(jwk, alg), kid)


def from_pem(
    pem: str | bytes,
    *,
    kid: str | None = None,
    alg: str | None = None,
    password: bytes | None = None,
    certificate: str | bytes | None = None,
    send_chain: bool = False,
) -> LocalSigner:
    """A signer from a private key in PEM. Raises ConfigError if it cannot sign.

    `certificate` is PEM with the key's certificate, and perhaps its chain; it may be the same text. It is sent in
    place of a key id, with its chain if `send_chain`.
    """
    signing_key = read_pem(pem, alg, password)
    if certificate is None:
        return LocalSigner(signing_key, kid)
    if kid is not None:
        raise ConfigError("a key is named by its kid or by its certificate, not by both")
    return LocalSigner(signing_key, x5c=x5c_of(signing_key.key, read_certificates(certificate), send_chain=send_chain))


def from_text(text: str, *, kid: str | None = None, alg: str | None = None) -> LocalSigner:
    """A signer from a JWK, base64 of a JWK, PEM, or the path of a file with one of these. Raises ConfigError."""
    return LocalSigner(read_text(text, alg), kid)


def from_pkcs12(
    path: str | Path,
    password: str | bytes | None = None,
    send_chain: bool = False,  # noqa: FBT001, FBT002 - the third argument by its documented place
    *,
    kid: str | None = None,
    alg: str | None = None,
) -> LocalSigner:
    """A signer from a PKCS#12 file (`.p12`, `.pfx`), as enterprise certificates are delivered.

    Its certificate is sent (`x5c`), with the chain if `send_chain`. With `kid` the key is named by that instead: for
    a client whose keys are registered. Raises ConfigError if the file cannot be read or the key cannot sign.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"the PKCS#12 file cannot be read: {type(error).__name__}") from None
    return from_pkcs12_bytes(content, password, send_chain=send_chain, kid=kid, alg=alg)


def from_pkcs12_bytes(
    content: bytes,
    password: str | bytes | None = None,
    *,
    send_chain: bool = False,
    kid: str | None = None,
    alg: str | None = None,
) -> LocalSigner:
    """The same from the bytes of the file. Raises ConfigError."""
    secret = password.encode("utf-8") if isinstance(password, str) else password
    # The cause is dropped: what a library says of a key file may quote it.
    try:
        key, leaf, others = pkcs12.load_key_and_certificates(content, secret)
    except (ValueError, TypeError):
        raise ConfigError("the PKCS#12 file is not readable; is the password right?") from None
    if key is None:
        raise ConfigError("the PKCS#12 file holds no private key")
    signing_key = checked_key(key, alg, None)
    if kid is not None:
        return LocalSigner(signing_key, kid)
    certificates: list[Certificate] = [*([leaf] if leaf else []), *others]
    return LocalSigner(signing_key, x5c=x5c_of(signing_key.key, certificates, send_chain=send_chain))
