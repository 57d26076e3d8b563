"""What a client reads in the refusal of an API, and whether another token might help (RFC 6750 section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

# An API that refuses a token seconds old would refuse the next one too.
_JUST_FETCHED: Final = 5.0

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_ERROR: Final = re.compile(r'(?:^|[\s,])error\s*=\s*(?:"([^"\\]*)"|([^\s",]+))', re.IGNORECASE)


def errors_in(lines: Iterable[str]) -> frozenset[str]:
    """The `error` codes in any challenge of these header lines."""
    found: set[str] = set()
    for line in lines:
        quoted = [(match.start(), match.end()) for match in _QUOTED.finditer(line)]
        for match in _ERROR.finditer(line):
            # A description may well say `error=...` between its own quotes.
            start = match.start() + 1
            if not any(first < start < last - 1 for first, last in quoted):
                found.add(match.group(1) or match.group(2) or "")
    return frozenset(found)


def names_error(lines: Iterable[str], code: str) -> bool:
    """Whether any challenge of these header lines names the error `code`."""
    return code in errors_in(lines)


def asks_for_another_token(status: int, challenges: Sequence[str], age: float) -> bool:
    """Whether an API that answered so may take another token than the one sent, which is `age` seconds old.

    A challenge has to name `invalid_token`. One that names no error says that no token was seen, and one with another
    error that it was understood. A 401 without a challenge says nothing, as some proxies do: it gets the benefit.
    """
    if status != 401 or age < _JUST_FETCHED:
        return False
    return not challenges or names_error(challenges, "invalid_token")
