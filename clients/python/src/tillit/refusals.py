"""The memory of answers that stand: asking again at once would get the same one, at the authority's expense."""

from __future__ import annotations

import copy
from typing import Final

from tillit.errors import MalformedResponse, Rejected, Throttled, TokenError, Unavailable
from tillit.forksafe import ForkSafeLock

_MALFORMED: Final = 5.0
_FIRST: Final = 10.0
_LAST: Final = 60.0
_CAPACITY: Final = 1024


class Refusals:
    """Per key: the last refusal, and until when it stands. 10 s at first, doubling to 60 s while it repeats.

    So does a 429; with Retry-After it stands for that long, as a 503 does, at most 60 s. An answer that is none of a
    token endpoint stands for 5 s. Another failure is not remembered, for it may be over already.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._entries: dict[str, tuple[TokenError, float, float]] = {}

    def remember(self, key: str, error: TokenError, now: float) -> None:
        """Note that `key` was refused at `now` (monotonic seconds), if that is worth remembering."""
        said = error.retry_after if isinstance(error, Throttled | Unavailable) else None
        if not said and not isinstance(error, Rejected | Throttled | MalformedResponse):
            return
        with self._lock:
            _, _, previous = self._entries.pop(key, (None, 0.0, 0.0))
            longer = _MALFORMED if isinstance(error, MalformedResponse) else 2 * previous or _FIRST
            span = min(said or longer, _LAST)
            while len(self._entries) >= _CAPACITY:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (error, now + span, span)

    def recall(self, key: str, now: float) -> TokenError | None:
        """A fresh copy of the refusal that stands for `key` at `now`, marked as remembered, or None."""
        entry = self._entries.get(key)
        if entry is None or now >= entry[1]:
            return None
        error = copy.copy(entry[0])
        left = entry[1] - now
        if isinstance(error, Rejected):
            error.remembered = True
        elif isinstance(error, Throttled | Unavailable):
            error.retry_after = left
        error.args = (f"{error.args[0]} (remembered; asked again in {left:.0f} s)",)
        return error

    def forget(self, key: str) -> None:
        """`key` got a token."""
        with self._lock:
            self._entries.pop(key, None)
