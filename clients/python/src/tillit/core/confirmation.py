"""What a token is bound to, by its claim `cnf` (RFC 7800, RFC 8705 section 3.1, RFC 9449 section 6.1)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from tillit.access_errors import InvalidToken
from tillit.core.presented import BEARER, DPOP, Presented
from tillit.jose.encoding import b64url_encode

_JKT: Final = "jkt"
_X5T: Final = "x5t#S256"
_SHA256: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The SHA-256 thumbprints, base64url, of the key and of the certificate a token is bound to; one or both."""

    jkt: str | None = None
    certificate: str | None = None

    @staticmethod
    def parse(claim: object) -> Confirmation:
        """The bindings in a `cnf` claim. One that is not known here is not checked, so it is refused: InvalidToken."""
        members = claim if isinstance(claim, dict) else {}
        if not members or not members.keys() <= {_JKT, _X5T}:
            raise InvalidToken("the token is bound in a way that this validator does not check")
        if not all(isinstance(value, str) and _SHA256.match(value) for value in members.values()):
            raise InvalidToken("the claim cnf is malformed")
        return Confirmation(members.get(_JKT), members.get(_X5T))


def check_certificate(bound: Confirmation, certificate: bytes | None) -> None:
    """Whether the client's certificate (DER) is the one the token is bound to, if any. Raises InvalidToken."""
    if bound.certificate is None:
        return
    if certificate is None:
        raise InvalidToken("the token is bound to a certificate, and none was presented")
    if not hmac.compare_digest(certificate_thumbprint(certificate), bound.certificate):
        raise InvalidToken("the token is bound to another certificate")


def certificate_thumbprint(certificate: bytes) -> str:
    """The `x5t#S256` of a certificate (DER): the SHA-256 of the whole of it, base64url (RFC 8705 section 3.1)."""
    return b64url_encode(hashlib.sha256(certificate).digest())


def check_scheme(bound: Confirmation | None, presented: Presented) -> None:
    """Whether the scheme is the one for such a token. Raises InvalidToken.

    A token bound to a key that comes as a bearer token is a stolen one until the contrary is proven (RFC 9449
    section 7.2), and one that is not bound proves nothing by coming with a proof (section 7.1).
    """
    jkt = None if bound is None else bound.jkt
    if jkt is not None and presented.scheme == BEARER:
        raise InvalidToken("the token is bound to a key, and came without proof of possession")
    if jkt is None and presented.scheme == DPOP:
        raise InvalidToken("the token is not bound to a key, and came as one that is")
