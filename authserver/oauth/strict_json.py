"""A JSON reader that refuses what lets two readers see two things (RFC 8259 §4, §8.1; RFC 8725 §3.7).

Refused: repeated member names at any depth, a byte order mark, anything but UTF-8, lone surrogates, NUL, NaN and
Infinity, integers beyond 2^53 - 1, and nesting or member counts beyond the table of limits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from authserver.oauth.limits import JSON_DEPTH, JSON_INTEGER, JSON_MEMBERS


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the one JSON object that the bytes hold. Raises ValueError, which never quotes the input."""
    text = data.decode("utf-8")
    # The library reads recursively; an upper bound on openings keeps it, and us, from deep water.
    openings = text.count("{") + text.count("[")
    if openings > JSON_MEMBERS:
        raise ValueError("too many objects and arrays")
    if openings == 1 and (plain := _plain(text)) is not None:
        return plain
    value = _DECODER.decode(text)
    if type(value) is not dict:
        raise ValueError("not an object")
    if openings > 1 or len(value) > JSON_MEMBERS:
        _bound(value)
    if "\\u" in text:
        _refuse_strange_text(value)
    return value


def _plain(text: str) -> dict[str, Any] | None:
    """Read what nearly every sender writes, a flat object of unescaped texts and integers, without a call per member.

    None means that this cannot vouch for the text, never that it is wrong.
    """
    if "\\" in text or text[0] != "{":
        return None
    try:
        value, end = _PLAIN.raw_decode(text)
    except ValueError:
        return None
    texts = 0
    for inner in value.values():
        if type(inner) is str:
            texts += 1
        elif type(inner) is not int or not -JSON_INTEGER <= inner <= JSON_INTEGER:
            return None
    # Unescaped, each name and each text has two quotes; those of a name that was repeated are left over.
    once = text.count('"') == 2 * (len(value) + texts)
    return value if once and end == len(text) and len(value) <= JSON_MEMBERS else None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _integer(literal: str) -> int:
    # The length first: converting a very long literal is itself expensive.
    if len(literal) > len(str(-JSON_INTEGER)) or abs(int(literal)) > JSON_INTEGER:
        raise ValueError("an integer is out of range")
    return int(literal)


def _float(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number) or abs(number) > JSON_INTEGER:
        raise ValueError("a number is out of range")
    return number


def _constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _bound(value: Any) -> None:
    """Refuse too deep a nesting, or too many members in all."""
    level, members, depth = [value], 0, 0
    while level:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer)]
        members += len(level)
        if depth > JSON_DEPTH or members > JSON_MEMBERS:
            raise ValueError("too deep or too many members")
        level = [inner for inner in level if isinstance(inner, dict | list)]


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _refuse_strange_text(value: Any) -> None:
    """Only an escape can bring in a lone surrogate or a NUL; the decoder lets both pass."""
    for text in _strings(value):
        if "\x00" in text:
            raise ValueError("NUL in a string")
        text.encode("utf-8")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_PLAIN = json.JSONDecoder()
