"""What text the registry keeps: bounded, storable in every database, and harmless when shown on a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import JSON_INTEGER, URI_CHARS

NAME_LENGTH: Final = 255
DESCRIPTION_LENGTH: Final = 4000
ATTRIBUTES_LENGTH: Final = 16_384
ATTRIBUTES_DEPTH: Final = 8

# Control characters (a terminal obeys them, PostgreSQL refuses U+0000) and lone surrogates (no UTF-8 form).
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_URI_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}\Z")
_URI_CHARACTERS: Final = re.compile(r"[!-~]+\Z")


def invalid(sentence: str) -> Refusal:
    """Build the refusal of an argument; the sentence has no full stop and never quotes the argument."""
    return Refusal(Reason.INVALID, value=sentence)


def fit(text: str) -> bool:
    """Tell whether every database can keep the text and every terminal can show it."""
    return not _UNFIT.search(text)


def line(text: str, what: str, *, required: bool = False) -> str:
    """Return the text without surrounding space, if it is one fit line. Raises Refusal INVALID."""
    trimmed = text.strip()
    if required and not trimmed:
        raise invalid(f"The {what} is empty")
    if len(trimmed) > NAME_LENGTH or "\n" in trimmed or "\t" in trimmed or not fit(trimmed):
        raise invalid(f"The {what} is not one line of at most {NAME_LENGTH} printable characters")
    return trimmed


def prose(text: str, what: str) -> str:
    """Return the text if it is fit to keep; line breaks and tabs are. Raises Refusal INVALID."""
    if len(text) > DESCRIPTION_LENGTH or not fit(text):
        raise invalid(f"The {what} is not text of at most {DESCRIPTION_LENGTH} printable characters")
    return text


def absolute_uri(text: str, what: str) -> str:
    """Return the text if it is an absolute URI without fragment (RFC 8707 §2). Raises Refusal INVALID."""
    fit = len(text) <= URI_CHARS and _URI_CHARACTERS.match(text) and "#" not in text
    scheme, colon, rest = text.partition(":")
    if not (fit and colon and rest and _URI_SCHEME.match(scheme)):
        raise invalid(f"The {what} is not an absolute URI without fragment")
    try:
        hostless = scheme.lower() in {"http", "https"} and not urlsplit(text).hostname
    except ValueError:
        hostless = True
    if hostless:
        raise invalid(f"The {what} is not an absolute URI without fragment")
    return text


def attributes(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return JSON members if every database can keep them. Raises Refusal INVALID."""
    if not _fit(extra, ATTRIBUTES_DEPTH) or len(repr(extra)) > ATTRIBUTES_LENGTH:
        raise invalid(
            f"The further fields are nested too deep, too large or not plain JSON (at most {ATTRIBUTES_LENGTH})"
        )
    return extra


def _fit(value: Any, depth: int) -> bool:
    match value:
        case None | bool():
            return True
        case str():
            return fit(value)
        case int():
            return abs(value) <= JSON_INTEGER  # what every JSON reader keeps exactly (RFC 8259 §6)
        case float():
            return value - value == 0  # neither infinite nor NaN, which JSON lacks
        case list() | tuple():
            return depth > 0 and all(_fit(item, depth - 1) for item in value)
        case Mapping():
            return depth > 0 and all(
                isinstance(key, str) and fit(key) and _fit(item, depth - 1) for key, item in value.items()
            )
        case _:
            return False
