"""What a client reads in the WWW-Authenticate of an API (RFC 9110 section 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

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
