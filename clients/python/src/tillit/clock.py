"""The two clocks a client needs, as one object that a test can replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, twice over: `monotonic` measures lifetimes, `time` is the wall clock written into claims."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    # Not methods around them: a cached token is judged by both clocks on every call.
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
