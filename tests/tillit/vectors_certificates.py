"""The shared vectors of tokens that are bound to a client certificate (RFC 8705 section 3.1)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.tillit.by_hand import PrivateKey, b64, public_jwk
from tests.tillit.vector_keys import vector_keys
from tests.tillit.vectors_bound import API, ISSUER, NOW, bound_token

OK, TOKEN = "ok", "invalid_token"


def certificate_document() -> dict[str, Any]:
    """The whole of certificate-binding.json."""
    key = vector_keys("authority")["ES256"]
    return {
        "jwks": {"keys": [public_jwk(key, "es256", "ES256")]},
        "issuer": ISSUER,
        "audience": API,
        "cases": list(_certificate_cases(key)),
    }


def _certificate_cases(authority: PrivateKey) -> Iterator[dict[str, Any]]:
    ours, strangers = _certificate("client"), _certificate("stranger")
    right = b64(hashlib.sha256(ours).digest())
    bound, plain = bound_token(authority, {"x5t#S256": right}), bound_token(authority, None)
    spelt = {
        "in hexadecimal": hashlib.sha256(ours).hexdigest(),
        "padded": right + "=",
        "in base64": right.translate(str.maketrans("-_", "+/")) + "=",
        "of SHA-1": b64(hashlib.sha1(ours).digest()),  # noqa: S324 - what must be refused
        "of the text of the PEM": b64(hashlib.sha256(_pem(ours).encode()).digest()),
    }
    rows: list[tuple[str, str, bytes | None, str]] = [
        ("its certificate", bound, ours, OK),
        ("no certificate", bound, None, TOKEN),
        ("another certificate", bound, strangers, TOKEN),
        ("an unbound token with a certificate", plain, ours, OK),
        ("an unbound token without", plain, None, OK),
        *(
            (f"thumbprint {name}", bound_token(authority, {"x5t#S256": text}), ours, TOKEN)
            for name, text in spelt.items()
        ),
    ]
    for name, token, certificate, verdict in rows:
        pem = None if certificate is None else _pem(certificate)
        yield {"name": name, "now": NOW, "token": token, "certificate": pem, "verdict": verdict}


def _certificate(label: str) -> bytes:
    key = vector_keys(label)["ES256"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
    start = dt.datetime.fromtimestamp(NOW - 86_400, dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365))
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return built.public_bytes(Encoding.DER)


def _pem(certificate: bytes) -> str:
    body = b64(certificate).translate(str.maketrans("-_", "+/"))
    body += "=" * (-len(body) % 4)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
