"""What a JWS says, believed by nobody: for showing it, and for choosing what to verify it by."""

from __future__ import annotations

from typing import Any

from tillit.jose.encoding import MalformedJose, b64url_decode, read_json_object


def unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact JWS, of which nothing is proven. Raises MalformedJose."""
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedJose("it does not have three parts")
    return read_json_object(b64url_decode(parts[0])), read_json_object(b64url_decode(parts[1]))


def unverified_audience(text: str) -> tuple[str, ...]:
    """To whom a JWS says that it is addressed; empty if to nobody. Raises MalformedJose."""
    audience = unverified(text)[1].get("aud", ())
    named = (audience,) if isinstance(audience, str) else audience
    if not isinstance(named, list | tuple) or not all(isinstance(one, str) for one in named):
        raise MalformedJose("its aud is neither text nor a list of texts")
    return tuple(named)
