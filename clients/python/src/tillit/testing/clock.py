"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from tillit.core.retry import RetryPolicy

START: Final = 1_800_000_000.0


class ManualClock:
    """Both clocks of `tillit.Clock`, moved by hand. Give one to everything that shall agree on the time.

    `wall` is where it starts, in seconds since the Unix epoch.
    """

    def __init__(self, wall: float = START) -> None:
        self._lock = threading.Lock()
        self._wall = wall
        self._monotonic = 1000.0

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return self._monotonic

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time does not go back; set_wall sets the wall clock")
        with self._lock:
            self._monotonic += seconds
            self._wall += seconds

    def suspend(self, seconds: float) -> None:
        """Let `seconds` pass while the machine sleeps: only the wall clock knows of it."""
        with self._lock:
            self._wall += seconds

    def set_wall(self, wall: float) -> None:
        """Set the wall clock, as a person or NTP does; the monotonic clock does not notice."""
        with self._lock:
            self._wall = wall

    def __repr__(self) -> str:
        return f"ManualClock(wall={self._wall:.0f})"


@dataclass(frozen=True)
class _RetryByHand(RetryPolicy):
    """A policy that lets a manual clock pass the time between attempts, and nobody wait."""

    clock: ManualClock = field(default_factory=ManualClock)

    def wait(self, error: Exception, *, attempt: int, elapsed: float, chance: float) -> float | None:
        """Nothing to wait, once the clock has moved by what there would be; None to give up."""
        wait = RetryPolicy.wait(self, error, attempt=attempt, elapsed=elapsed, chance=chance)
        if wait is None:
            return None
        self.clock.advance(wait)
        return 0.0


def by_hand(policy: RetryPolicy, clock: ManualClock) -> RetryPolicy:
    """The same policy, on a manual clock."""
    return _RetryByHand(policy.attempts, policy.deadline, policy.base, policy.cap, policy.attempt_timeout, clock=clock)
