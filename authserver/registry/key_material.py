"""What people paste as a key: a JWK, a PEM public key, or a PEM certificate."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import JWK_BYTES, KEY_LIFE
from authserver.oauth.strict_json import parse_object
from authserver.registry.keys import KeyOffer

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def offer_of(pasted: str, now: int, *, example_allowed: bool) -> KeyOffer:
    """Read pasted text as the offer of a key.

    A certificate gives its public key and, if it ends within a year, its end; who issued it is not judged, for the
    caller has proved by its token whose client it is. Raises Refusal KEY_REFUSED.
    """
    trimmed = pasted.strip()
    if len(trimmed) > JWK_BYTES:
        raise Refusal(Reason.KEY_REFUSED, value="it is too large")
    if trimmed.startswith("{"):
        try:
            return KeyOffer(parse_object(trimmed.encode("utf-8")), example_allowed=example_allowed, reactivate=True)
        except ValueError:
            raise Refusal(Reason.KEY_REFUSED, value="it is not a JSON object") from None
    if "PRIVATE KEY" in trimmed or _CERTIFICATE not in trimmed:
        return KeyOffer(trimmed, example_allowed=example_allowed, reactivate=True)
    try:
        certificate = load_pem_x509_certificate(trimmed.encode("ascii"))
        public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        raise Refusal(Reason.KEY_REFUSED, value="it is not a PEM certificate") from None
    ends = min(int(certificate.not_valid_after_utc.timestamp()), now + KEY_LIFE)
    return KeyOffer(public.decode("ascii"), expires_at=ends, example_allowed=example_allowed, reactivate=True)
