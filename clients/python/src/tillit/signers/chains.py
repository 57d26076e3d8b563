"""Certificates beside a key, in the form and order of the `x5c` header (RFC 7515 section 4.1.6)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, load_pem_x509_certificates

from tillit.errors import ConfigError
from tillit.jose.algorithms import PrivateKey

logger = logging.getLogger("tillit")

# A header of 16 KiB is what authorities read; the certificates leave room for the rest of it.
MAX_X5C: Final = 12 * 1024
_SOON: Final = timedelta(days=30)


def read_certificates(pem: str | bytes) -> list[Certificate]:
    """The certificates in a PEM text; anything else in it is passed over. Raises ConfigError if there are none."""
    content = pem.encode("utf-8") if isinstance(pem, str) else pem
    try:
        return load_pem_x509_certificates(content)
    except ValueError:
        raise ConfigError("the PEM text holds no readable certificate") from None


def x5c_of(key: PrivateKey, certificates: Sequence[Certificate], *, send_chain: bool) -> list[str]:
    """The certificate of `key` first, then, if `send_chain`, each issuer that is at hand; a root is left out.

    Raises ConfigError if none of them is the key's, or if they are too large to send.
    """
    public = _spki(key)
    leaf = next((found for found in certificates if _spki(found) == public), None)
    if leaf is None:
        raise ConfigError("no certificate belongs to the private key")
    _warn_of_end(leaf)
    chain = _chain(leaf, certificates) if send_chain else [leaf]
    encoded = [base64.b64encode(found.public_bytes(Encoding.DER)).decode("ascii") for found in chain]
    if sum(map(len, encoded)) > MAX_X5C:
        raise ConfigError(f"the certificates are larger than the {MAX_X5C} bytes that can be sent in a header")
    return encoded


def _chain(leaf: Certificate, certificates: Sequence[Certificate]) -> list[Certificate]:
    chain = [leaf]
    while True:
        last = chain[-1]
        issuer = next((found for found in certificates if found not in chain and _issued(found, last)), None)
        if issuer is None or issuer.issuer == issuer.subject:
            return chain
        chain.append(issuer)


def _issued(issuer: Certificate, subject: Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - whatever keeps it from being shown, it is not the issuer for us
        return False
    return True


def _spki(holder: PrivateKey | Certificate) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _warn_of_end(leaf: Certificate) -> None:
    # Not an error: the clock that says so may be the one that is wrong.
    end = leaf.not_valid_after_utc
    left = end - datetime.now(UTC)
    if left < _SOON:
        logger.warning("the client's certificate %s on %s", "expired" if left < timedelta() else "ends", end.date())
