"""Whom a token is for (RFC 8707, RFC 9068 §3)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from authserver.oauth import limits
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Scope
from authserver.oauth.profiles import TokenProfile

_URI_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")


def audience_of(scopes: list[Scope], resources: tuple[str, ...], profile: TokenProfile, issuer: str) -> tuple[str, ...]:
    """Name a token's audience; empty only under a token profile that leaves it out unless asked.

    A requested resource must be the audience registered for every scope that has one, so that a token for one API
    never names another; nor does asking for a resource let scopes of two audiences share a token.
    Raises Refusal RESOURCE, RESOURCE_UNKNOWN or SCOPES_MIXED.
    """
    for resource in resources:
        if not is_absolute_uri(resource):
            raise Refusal(Reason.RESOURCE)
    if resources:
        for scope in scopes:
            if scope.audience is not None and resources != (scope.audience,):
                raise Refusal(Reason.RESOURCE_UNKNOWN, value=scope.name)
        if profile.rfc9068 and len(resources) != 1:
            raise Refusal(Reason.RESOURCE)
    if not profile.rfc9068:
        return resources
    audiences = {scope.audience or f"{issuer.rstrip('/')}/api/{scope.prefix}" for scope in scopes}
    if len(audiences) > 1:
        raise Refusal(Reason.SCOPES_MIXED, detail="audiences")
    return resources or tuple(audiences)


def is_absolute_uri(text: str) -> bool:
    """Tell whether this is an absolute URI without fragment (RFC 8707 §2, RFC 3986 §4.3)."""
    if len(text) > limits.URI_CHARS or not _URI_CHARACTERS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc if parts.scheme in ("http", "https") else parts.path)
