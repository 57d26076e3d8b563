"""The life of a signing key as data and time: announced, active, retired, removed.

    created_at      active_from      retired_at       removed_at
        | announced      | active         | retired        | removed
        |------------------- published ------------------- |

All times are integer seconds since the Unix epoch; an interval holds its first second and not its last. Everything
here is pure: a ring of keys is a tuple of lives, a change is a new tuple.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from authserver.keys.faults import ChangeRefusedError
from authserver.oauth.limits import TOKEN_LIFE_CEILING

KeyState = Literal["announced", "active", "retired", "removed"]
Lives = tuple["KeyLife", ...]

ACTIVATE_IN: Final = 86_400
"""Seconds from announcement to first use: far more than the 2 x JWKS_MAX_AGE demanded, because validators are
found that keep a key set for a day whatever `max-age` says."""
RETIRE_KEEP: Final = TOKEN_LIFE_CEILING + 60
"""Seconds a retired key stays published: the longest life of a token, and a minute for clocks that differ."""


@dataclass(frozen=True, slots=True)
class KeyLife:
    """One key's algorithm and times. `retired_at` and `removed_at` are None while no successor is known."""

    kid: str
    alg: str
    created_at: int
    active_from: int
    retired_at: int | None = None
    removed_at: int | None = None

    def state(self, now: int) -> KeyState:
        """Where the key stands at `now`."""
        if self.removed_at is not None and self.removed_at <= now:
            return "removed"
        if self.retired_at is not None and self.retired_at <= now:
            return "retired"
        return "active" if self.active_from <= now else "announced"


def signing(lives: Iterable[KeyLife], alg: str, now: int) -> KeyLife | None:
    """Return the key that signs `alg` at `now`: of the active ones, that which became active last."""
    active = (life for life in lives if life.alg == alg and life.state(now) == "active")
    return max(active, key=_order, default=None)


def published(lives: Iterable[KeyLife], now: int) -> Lives:
    """Return the keys that belong in the JWKS at `now`, by `kid`."""
    return tuple(sorted((life for life in lives if life.state(now) != "removed"), key=lambda life: life.kid))


def settle(lives: Iterable[KeyLife], now: int, keep: int) -> Lives:
    """Let every key retire at the second its successor becomes active, and be removed `keep` seconds later.

    What has retired by `now` is history and stays as it is. Settling twice changes nothing, so a change that was cut
    off halfway is completed by whoever reads the ring next.
    """
    lives = tuple(lives)
    ends = {life.kid: life for life in lives}
    open_lives = [life for life in lives if life.retired_at is None or life.retired_at > now]
    for alg in {life.alg for life in open_lives}:
        line = sorted((life for life in open_lives if life.alg == alg), key=_order)
        for life, successor in pairwise(line):
            ends[life.kid] = _retired(life, successor.active_from, keep)
        ends[line[-1].kid] = replace(line[-1], retired_at=None, removed_at=None)
    return tuple(ends[life.kid] for life in lives)


def announce(lives: Lives, new: KeyLife, now: int, keep: int) -> Lives:
    """Add a key that takes over at its `active_from`.

    It takes over no earlier than one second after the key it succeeds did, so that the order is never in doubt.
    Raises ChangeRefusedError when another announced key would take over before it: that rotation is already under way.
    """
    current = signing(lives, new.alg, now)
    if current is not None and new.active_from <= current.active_from:
        new = replace(new, active_from=current.active_from + 1)
    for life in lives:
        if life.alg == new.alg and life.state(now) == "announced" and life.active_from <= new.active_from:
            raise ChangeRefusedError(
                f"A new {new.alg} key, {life.kid}, is announced already and becomes active in "
                f"{life.active_from - now} s. Retire it first, or activate the new key before it."
            )
    return settle((*lives, new), now, keep)


def withdraw(lives: Lives, kid: str, now: int, keep: int) -> Lives:
    """Take a key out of use and out of the JWKS at `now`, for a key that is no longer to be trusted.

    Withdrawing an announced key lets the one before it go on. Raises ChangeRefusedError for an unknown key and for the
    key that signs: another must have taken over first.
    """
    life = next((life for life in lives if life.kid == kid), None)
    if life is None:
        raise ChangeRefusedError("There is no key with this kid.")
    state = life.state(now)
    if state == "active":
        raise ChangeRefusedError(
            f"The key signs {life.alg} now, and no other key could. Rotate {life.alg} with activation at once, "
            "then retire it."
        )
    if state == "removed":
        return lives
    gone = replace(life, retired_at=life.retired_at if state == "retired" else now, removed_at=now)
    return settle((gone if other.kid == kid else other for other in lives), now, keep)


def algorithms_without_key(lives: Iterable[KeyLife], wanted: Collection[str], now: int) -> tuple[str, ...]:
    """Return those of the wanted algorithms that nothing signs at `now`, in the order wanted."""
    lives = tuple(lives)
    return tuple(alg for alg in wanted if signing(lives, alg, now) is None)


def _order(life: KeyLife) -> tuple[int, int, str]:
    return life.active_from, life.created_at, life.kid


def _retired(life: KeyLife, at: int, keep: int) -> KeyLife:
    if life.retired_at == at and life.removed_at is not None:
        return life
    return replace(life, retired_at=at, removed_at=at + keep)
