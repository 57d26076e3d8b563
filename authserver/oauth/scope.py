"""Scope names `prefix:subscope`, and the scope parameter of RFC 6749 §3.3."""

from __future__ import annotations

import re

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import SCOPE_CHARS, SCOPES_PER_REQUEST

# RFC 6749 §3.3: NQCHAR without space; a scope-token has no quote and no backslash.
_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
# Narrower than the RFC on purpose: lower case only, so that two names never look alike.
_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")
_SUBSCOPE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9._:/-]*[a-zA-Z0-9])?")
_PREFIX_CHARS = 40


def parse_request(text: str) -> tuple[str, ...]:
    """Split a requested scope into its tokens, in order and each once (RFC 6749 §3.3).

    Raises Refusal SCOPE_MALFORMED for an empty or oversized request, a foreign character, or anything but single
    spaces between tokens.
    """
    tokens = text.split(" ")
    if len(tokens) > SCOPES_PER_REQUEST:
        raise Refusal(Reason.SCOPE_MALFORMED, detail="too many scopes")
    if not all(len(token) <= SCOPE_CHARS and _TOKEN.fullmatch(token) for token in tokens):
        raise Refusal(Reason.SCOPE_MALFORMED, detail="not the grammar of RFC 6749 section 3.3")
    return tuple(dict.fromkeys(tokens))


def parse_prefix(text: str) -> str:
    """Return a prefix that may be registered: lower-case letters, digits, `-` and `_` inside. Raises ValueError."""
    if len(text) > _PREFIX_CHARS or not _PREFIX.fullmatch(text):
        raise ValueError("a prefix is at most 40 lower-case letters and digits, with - or _ between them")
    return text


def parse_name(text: str) -> tuple[str, str]:
    """Split the name of a scope that may be registered into prefix and subscope. Raises ValueError."""
    prefix, colon, subscope = text.partition(":")
    if not colon or not subscope:
        raise ValueError("a scope is named prefix:subscope")
    if len(text) > SCOPE_CHARS or not _SUBSCOPE.fullmatch(subscope):
        raise ValueError("a subscope is letters and digits, with . _ : / - between them")
    return parse_prefix(prefix), subscope
