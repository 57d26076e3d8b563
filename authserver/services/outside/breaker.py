"""A circuit breaker: what failed several times in a row is left alone for a while, then tried by one call."""

from __future__ import annotations

from math import ceil


class Breaker:
    """Counts failures in a row. Times are seconds of one monotonic clock, which the caller reads."""

    def __init__(self, failures: int, pause: float) -> None:
        self._most = failures
        self._pause = pause
        self._failures = 0
        self._shut_until = 0.0

    def wait(self, now: float) -> int:
        """Return 0 if a call may go now, else in how many seconds it is worth trying.

        The call that may go after a pause is alone: until it has succeeded, or another pause has passed, none follows.
        """
        if self._failures < self._most:
            return 0
        if now < self._shut_until:
            return ceil(self._shut_until - now)
        self._shut_until = now + self._pause
        return 0

    def succeeded(self) -> None:
        """Note that a call was answered; every call may go."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """Note that a call was not answered."""
        self._failures += 1
        if self._failures >= self._most:
            self._shut_until = now + self._pause
