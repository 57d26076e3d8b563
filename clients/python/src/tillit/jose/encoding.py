"""base64url and JSON as RFC 7515 and RFC 8259 define them, without the leniency of the standard library."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final, NoReturn

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*\Z")
_MAX_DEPTH: Final = 8
_MAX_VALUES: Final = 4096
_MAX_INTEGER: Final = 2**53 - 1


class MalformedJose(ValueError):
    """Input that is not well-formed; the message is a fixed sentence and never quotes the input."""


def b64url_encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text.

    Raises MalformedJose for any other alphabet, for padding, and for set trailing bits: each value has one spelling.
    """
    if not isinstance(text, str) or not _ALPHABET.match(text):
        raise MalformedJose("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise MalformedJose("not base64url") from None
    if b64url_encode(data) != text:
        raise MalformedJose("not canonical base64url")
    return data


def read_json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data` (UTF-8, no byte-order mark).

    Raises MalformedJose for duplicate members at any depth (RFC 7515 section 4), NaN and infinities, lone surrogates,
    NUL characters, integers beyond 2^53-1, nesting deeper than 8 or more than 4096 values.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except MalformedJose:
        raise
    except (ValueError, RecursionError):
        raise MalformedJose("not a JSON document") from None
    if not isinstance(value, dict):
        raise MalformedJose("not a JSON object")
    _check_values(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJose("a JSON member occurs twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise MalformedJose("NaN and infinities are not JSON")


def _check_values(root: dict[str, Any]) -> None:
    pending: list[tuple[Any, int]] = [(root, 1)]
    seen = 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            raise MalformedJose("the JSON document is too deep or too large")
        if isinstance(value, dict):
            pending.extend((member, depth + 1) for pair in value.items() for member in pair)
        elif isinstance(value, list):
            pending.extend((element, depth + 1) for element in value)
        else:
            _check_scalar(value)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise MalformedJose("a JSON string holds a character that is not allowed")
    elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise MalformedJose("a JSON integer is out of range")
