"""Access tokens of this authority, verified as a resource server does (RFC 9068 §4, RFC 6750)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from authserver.oauth import jose
from authserver.oauth.errors import Refusal
from authserver.oauth.jwk import verification_key
from authserver.oauth.limits import CLOCK_SKEW
from authserver.oauth.models import VerificationKey
from authserver.oauth.orgno import iso6523
from authserver.oauth.profiles import TOKEN_PROFILES
from authserver.registry.administration import Presented
from authserver.web.discovery import Document

_TYPES: Final = {profile.alg: profile for profile in TOKEN_PROFILES.values()}


class InvalidTokenError(Exception):
    """The request has no token that may be believed; the text is a fixed sentence (RFC 6750 §3.1 invalid_token)."""


class Tokens:
    """Verifies tokens with the keys we publish, read anew when the published set changes."""

    def __init__(self, issuer: str, audience: str, published: Callable[[], Document]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._published = published
        self._etag = ""
        self._keys: Mapping[str, tuple[str, VerificationKey]] = {}

    def verify(self, authorization: str, now: int) -> Presented:
        """Return whom the `Authorization` header speaks for. Raises InvalidTokenError. Costs at most one signature."""
        scheme, _, compact = authorization.partition(" ")
        if scheme.lower() != "bearer" or not compact:
            raise InvalidTokenError("A bearer token of this authority is needed")
        try:
            token = jose.read(compact.strip())
        except Refusal:
            raise InvalidTokenError("The token is malformed") from None
        alg, verifier = self._current().get(str(token.header.get("kid")), ("", None))
        if verifier is None or token.header.get("alg") != alg or token.header.get("typ") != _TYPES[alg].typ:
            raise InvalidTokenError("The token was not issued by this authority")
        if not verifier.verify(token.signing_input, token.signature):
            raise InvalidTokenError("The token was not issued by this authority")
        return self._presented(token.claims, now, needs_audience=_TYPES[alg].rfc9068)

    def _presented(self, claims: Mapping[str, Any], now: int, *, needs_audience: bool) -> Presented:
        expires, audience = claims.get("exp"), claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise InvalidTokenError("The token was not issued by this authority")
        if type(expires) is not int or expires <= now or not _issued_by(claims.get("iat"), now):
            raise InvalidTokenError("The token is expired")
        # A token of the profile `maskinporten` names its audience only when asked to.
        if (needs_audience or audience is not None) and audience not in (self._audience, [self._audience]):
            raise InvalidTokenError("The token is for another API")
        if "supplier" in claims:
            raise InvalidTokenError("The admin API takes no delegated token")
        orgno = str(claims["consumer"]["ID"]).partition(":")[2]
        if claims["consumer"] != iso6523(orgno):
            raise InvalidTokenError("The token names no organisation")
        return Presented(claims["client_id"], orgno, frozenset(claims["scope"].split(" ")))

    def _current(self) -> Mapping[str, tuple[str, VerificationKey]]:
        published = self._published()
        if published.etag != self._etag:
            keys = json.loads(published.body)["keys"]
            self._keys = {
                key["kid"]: (key["alg"], verification_key(key, key["alg"])) for key in keys if key["alg"] in _TYPES
            }
            self._etag = published.etag
        return self._keys


def _issued_by(issued: Any, now: int) -> bool:
    return type(issued) is int and issued <= now + CLOCK_SKEW
