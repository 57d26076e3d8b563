"""Client certificates that a proxy verified and passes on in a header (RFC 8705 section 6.5, RFC 9440)."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote

from tillit.access_errors import InvalidRequest
from tillit.errors import ConfigError

_MAX_HEADER: Final = 32 * 1024
_SEQUENCE: Final = 0x30
_ENVOY_CERT: Final = re.compile(r'(?:^|;)Cert=(?:"([^"]*)"|([^;,"]*))', re.IGNORECASE)
_QUOTED_COMMA: Final = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*\Z)')


@dataclass(frozen=True, slots=True)
class CertificateHeader:
    """Which header brings the client's certificate, and how it is written there.

    Name one only behind a proxy that sets it on every request and removes what clients sent under its name: otherwise
    anybody could send anybody's certificate, for certificates are public. `nginx` is `$ssl_client_escaped_cert`, also
    the way of other proxies that percent-encode a PEM text; `envoy` is `x-forwarded-client-cert` with `Cert`;
    `rfc9440` is `Client-Cert`. Raises ConfigError.
    """

    name: str
    form: Literal["nginx", "envoy", "rfc9440"]

    def __post_init__(self) -> None:
        if not self.name or self.form not in ("nginx", "envoy", "rfc9440"):
            raise ConfigError("a certificate header needs a name and one of the forms nginx, envoy and rfc9440")

    def read(self, lines: Sequence[str]) -> bytes | None:
        """The certificate (DER) in the lines of this header, None where there is none. Raises InvalidRequest."""
        values = [line.strip() for line in lines if line.strip()]
        if not values:
            return None
        if len(values) > 1 or len(values[0]) > _MAX_HEADER:
            raise InvalidRequest("the certificate header came more than once, or is too large")
        try:
            return _READERS[self.form](values[0])
        except (ValueError, binascii.Error):
            raise InvalidRequest("the certificate header is malformed") from None

    def in_asgi(self, scope: Mapping[str, Any]) -> bytes | None:
        """The certificate in the headers of an ASGI scope, for the adapters' `certificate`. Raises InvalidRequest."""
        name = self.name.lower().encode("latin-1")
        return self.read([value.decode("latin-1") for header, value in scope["headers"] if header.lower() == name])

    def in_wsgi(self, environ: Mapping[str, Any]) -> bytes | None:
        """The certificate in a WSGI environment, for the adapters' `certificate`. Raises InvalidRequest."""
        return self.read([environ.get("HTTP_" + self.name.upper().replace("-", "_"), "")])


def read_certificate(certificate: bytes | str) -> bytes:
    """A certificate as DER, from DER or from the first one in a PEM text. Raises ConfigError."""
    try:
        if isinstance(certificate, str):
            return _der(_first_pem(certificate))
        return _der(certificate if certificate[:1] == b"\x30" else _first_pem(certificate.decode("ascii")))
    except (ValueError, binascii.Error):
        raise ConfigError("not a certificate in DER or PEM") from None


def _nginx(value: str) -> bytes | None:
    return _der(_only_pem(unquote(value, errors="strict")))


def _envoy(value: str) -> bytes | None:
    elements = _QUOTED_COMMA.split(value)
    # With more than one, a proxy before this one wrote the others; which of them is the client is not ours to guess.
    if len(elements) != 1:
        raise ValueError("more than one certificate")
    found = _ENVOY_CERT.search(elements[0].strip())
    if found is None:
        return None
    return _der(_only_pem(unquote(found.group(1) or found.group(2) or "", errors="strict")))


def _rfc9440(value: str) -> bytes | None:
    if len(value) < 2 or value[0] != ":" or value[-1] != ":":
        raise ValueError("not a byte sequence")
    return _der(base64.b64decode(value[1:-1], validate=True))


_READERS: Final = {"nginx": _nginx, "envoy": _envoy, "rfc9440": _rfc9440}


def _only_pem(text: str) -> bytes:
    # Servers join headers that came twice, and one of them may be a client's: `X_Client_Cert` is the same to WSGI.
    if text.count("-----BEGIN") != 1 or not text.startswith("-----BEGIN") or not text.rstrip().endswith("-----"):
        raise ValueError("not one certificate alone")
    return _first_pem(text)


def _first_pem(text: str) -> bytes:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start, stop = text.find(begin), text.find(end)
    if start < 0 or stop < start:
        raise ValueError("no certificate")
    return ssl.PEM_cert_to_DER_cert(text[start : stop + len(end)])


def _der(data: bytes) -> bytes:
    """`data`, if it is one DER sequence and nothing else; what is in it was the proxy's to verify."""
    if len(data) < 4 or data[0] != _SEQUENCE:
        raise ValueError("not a certificate")
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    if octets > 3 or length + 2 + octets != len(data):
        raise ValueError("not a certificate")
    return data
