"""The memory of permanent refusals: asking again at once would get the same answer, at the authority's expense."""

from __future__ import annotations

import copy
from typing import Final

from tillit.errors import Rejected, Throttled
from tillit.forksafe import ForkSafeLock

_FIRST: Final = 10.0
_LAST: Final = 60.0
_CAPACITY: Final = 1024


class Refusals:
    """Per key: the last refusal, and until when it stands. 10 s at first, doubling to 60 s while it repeats.

    A 429 with Retry-After stands for that long, at most 60 s.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._entries: dict[str, tuple[Rejected | Throttled, float, float]] = {}

    def remember(self, key: str, error: Rejected | Throttled, now: float) -> None:
        """Note that `key` was refused at `now` (monotonic seconds)."""
        with self._lock:
            _, _, previous = self._entries.pop(key, (None, 0.0, 0.0))
            if isinstance(error, Throttled):
                span = min(error.retry_after or 0.0, _LAST)
            else:
                span = min(previous * 2, _LAST) if previous else _FIRST
            while len(self._entries) >= _CAPACITY:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (error, now + span, span)

    def recall(self, key: str, now: float) -> Rejected | Throttled | None:
        """A fresh copy of the refusal that stands for `key` at `now`, marked as remembered, or None."""
        entry = self._entries.get(key)
        if entry is None or now >= entry[1]:
            return None
        error = copy.copy(entry[0])
        left = entry[1] - now
        if isinstance(error, Rejected):
            error.remembered = True
        else:
            error.retry_after = left
        error.args = (f"{error.args[0]} (remembered; asked again in {left:.0f} s)",)
        return error

    def forget(self, key: str) -> None:
        """`key` got a token."""
        with self._lock:
            self._entries.pop(key, None)
