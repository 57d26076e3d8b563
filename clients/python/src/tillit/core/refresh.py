"""When a token is replaced: margins in proportion to its lifetime, so that a token of 120 s is cached like others."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tillit.errors import ConfigError


class Freshness(enum.Enum):
    """What a caller may do with a cached token."""

    FRESH = "use it"
    RENEW = "use it, and let one renewal begin"
    SPENT = "wait for a new one"


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """Times in seconds, fractions of a token's lifetime.

    From `soft` of its life (moved by up to `jitter` of that, so that a fleet does not renew in step) a token is
    renewed behind the caller's back. `margin` seconds before expiry, or `margin_fraction` of the lifetime if that is
    less, callers wait for the new one. Renewals of one key begin at least `min_interval` apart.
    """

    margin: float = 60.0
    margin_fraction: float = 0.20
    soft: float = 0.75
    jitter: float = 0.10
    min_interval: float = 5.0

    def __post_init__(self) -> None:
        if self.margin < 0 or not 0 <= self.margin_fraction < 1 or not 0 < self.soft <= 1 or not 0 <= self.jitter < 1:
            raise ConfigError("the refresh policy needs 0 <= fractions < 1 and a margin that is not negative")

    def hard_age(self, lifetime: float) -> float:
        """The age from which callers wait for a new token."""
        return lifetime - min(self.margin, self.margin_fraction * lifetime)

    def renew_age(self, lifetime: float, spread: float) -> float:
        """The age at which renewal may begin; `spread` in -1..1 places it within the jitter."""
        return min(self.soft * lifetime * (1 + self.jitter * spread), self.hard_age(lifetime))

    def judge(self, *, age: float, lifetime: float, renew_age: float) -> Freshness:
        """What a token of this `age` is good for; `renew_age` is the one that `renew_age()` gave for its lifetime."""
        # First what holds on nearly every call: a token is never to be renewed later than it is spent.
        if age < renew_age:
            return Freshness.FRESH
        return Freshness.SPENT if age >= self.hard_age(lifetime) else Freshness.RENEW
