"""Whether a failed attempt is repeated, and after how long. Every repetition is signed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tillit.errors import ConfigError, Throttled, Unavailable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` within `deadline` seconds; waits start at `base`, double, stop at `cap`, with full jitter.

    A Retry-After from the authority is obeyed in place of the computed wait, if it fits in the deadline.
    `attempt_timeout` bounds a single attempt.
    """

    attempts: int = 3
    deadline: float = 10.0
    base: float = 0.2
    cap: float = 2.0
    attempt_timeout: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.deadline, self.attempt_timeout) <= 0 or min(self.base, self.cap) < 0:
            raise ConfigError("the retry policy needs at least one attempt and positive times")

    def wait(self, error: Exception, *, attempt: int, elapsed: float, chance: float) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1), or None to give up.

        `elapsed` is the time since the first attempt began, `chance` in 0..1 the jitter's die.
        """
        if not isinstance(error, Throttled | Unavailable) or attempt >= self.attempts:
            return None
        wait = error.retry_after
        if wait is None:
            wait = chance * min(self.cap, self.base * 2 ** (attempt - 1))
        return wait if elapsed + wait < self.deadline else None


class Attempts:
    """The attempts of one fetch: counts them and measures them on a monotonic clock."""

    def __init__(self, policy: RetryPolicy, monotonic: Callable[[], float], chance: Callable[[], float]) -> None:
        self._policy = policy
        self._monotonic = monotonic
        self._chance = chance
        self._started = monotonic()
        self._failed = 0

    def wait_after(self, error: Exception) -> float | bool:
        """Seconds to wait before the next attempt, or False when `error` is final; the shape stamina asks for."""
        self._failed += 1
        wait = self._policy.wait(error, attempt=self._failed, elapsed=self._elapsed(), chance=self._chance())
        return False if wait is None else wait

    def timeout(self) -> float:
        """Seconds the coming attempt may take."""
        return max(min(self._policy.attempt_timeout, self._policy.deadline - self._elapsed()), 0.05)

    def _elapsed(self) -> float:
        return self._monotonic() - self._started
