"""base64url and JSON as RFC 7515 and RFC 8259 define them, without the leniency of the standard library."""

from __future__ import annotations

import base64
import binascii
import json
import re
import string
from typing import Any, Final, NoReturn

_ALPHABET: Final = string.ascii_letters + string.digits + "-_"
# base64url to base64 in one pass; NUL, which no base64 has, stands for whatever base64url does not have.
_TO_BASE64: Final = bytes(
    ord({"-": "+", "_": "/"}.get(chr(code), chr(code))) if chr(code) in _ALPHABET else 0 for code in range(256)
)
# The last character of a text whose length leaves this remainder by 4, where its unused bits are zero.
_LAST: Final = {0: _ALPHABET, 2: "AQgw", 3: "AEIMQUYcgkosw048"}
_MAX_DEPTH: Final = 8
_MAX_VALUES: Final = 4096
_MAX_INTEGER: Final = 2**53 - 1
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")


class MalformedJose(ValueError):
    """Input that is not well-formed; the message is a fixed sentence and never quotes the input."""


def b64url_encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text.

    Raises MalformedJose for any other alphabet, for padding, and for set trailing bits: each value has one spelling.
    """
    if not isinstance(text, str) or not text.isascii():
        raise MalformedJose("not base64url")
    padding = -len(text) % 4
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_TO_BASE64) + b"=" * padding, strict_mode=True)
    except binascii.Error:
        raise MalformedJose("not base64url") from None
    if text and text[-1] not in _LAST[len(text) % 4]:
        raise MalformedJose("not canonical base64url")
    return data


def read_json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data` (UTF-8, no byte-order mark).

    Raises MalformedJose for duplicate members at any depth (RFC 7515 section 4), NaN and infinities, lone surrogates,
    NUL characters, integers beyond 2^53-1, nesting deeper than 8 or more than 4096 values.
    """
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
    except MalformedJose:
        raise
    except (ValueError, RecursionError):
        raise MalformedJose("not a JSON document") from None
    if not isinstance(value, dict):
        raise MalformedJose("not a JSON object")
    # A text with few brackets is not deep, a short one has not many values, and only an escape can write what UTF-8
    # and JSON forbid to write plainly. Tokens are nearly always all three.
    if "\\u" in text or len(text) > _MAX_VALUES or text.count("{") + text.count("[") > _MAX_DEPTH:
        _check_values(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJose("a JSON member occurs twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise MalformedJose("NaN and infinities are not JSON")


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > _MAX_INTEGER:
        raise MalformedJose("a JSON integer is out of range")
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)


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
        elif isinstance(value, str) and _NOT_TEXT.search(value):
            raise MalformedJose("a JSON string holds a character that is not allowed")
