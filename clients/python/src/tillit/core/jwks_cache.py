"""What an API knows of an authority's keys, and when it may ask again.

The rules here keep three parties from hurting it: an authority that is away (good keys are kept, up to a limit), a
sender of invented key ids (asking is rationed by time, whatever the set holds), and one odd key (it is passed over).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tillit.access_errors import InvalidToken, KeysUnavailable
from tillit.errors import ConfigError
from tillit.jose.algorithms import PublicKey
from tillit.jose.public_keys import KeySet

_MAX_SOFT_TTL = 3600.0
# A renewal begins at 70 to 80 % of the age, each time another, so that processes do not ask in step.
_AHEAD, _JITTER = 0.8, 0.1


@dataclass(frozen=True, slots=True)
class JwksLimits:
    """Times in seconds.

    Keys older than `soft_ttl` (or the Cache-Control max-age the authority states, up to an hour) are fetched anew, and
    used meanwhile and while that fails; keys older than `hard_ttl` are used no more. A fetch for an unknown key id is
    followed by no other for `cooldown`; after a failure the wait starts at one second and doubles up to `cooldown`. A
    key id that a fetch did not bring is not fetched for again for `negative_ttl`; `negative_kids` such ids are
    remembered.
    """

    soft_ttl: float = 300.0
    hard_ttl: float = 86_400.0
    cooldown: float = 30.0
    negative_ttl: float = 300.0
    negative_kids: int = 256
    max_bytes: int = 256 * 1024
    timeout: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.soft_ttl <= self.hard_ttl or self.cooldown < 0 or self.timeout <= 0:
            raise ConfigError("key times must be positive, and soft_ttl at most hard_ttl")


class Plan(enum.Enum):
    """What to do before answering."""

    ANSWER = "answer from what is known"
    RENEW = "answer from what is known, and fetch behind the caller's back"
    FETCH = "fetch, then answer"


class JwksCache:
    """The state of one key source. Times are monotonic seconds. The owner guards it against concurrent changes."""

    def __init__(self, limits: JwksLimits) -> None:
        self.limits = limits
        self.keys: KeySet | None = None
        self.etag: str | None = None
        self.last_error: str | None = None
        self.fetched_at = 0.0
        self._soft_ttl = limits.soft_ttl
        self._renew_age = _AHEAD * limits.soft_ttl
        self._may_fetch_at = float("-inf")
        self._failures = 0
        self._unknown: dict[str, float] = {}
        self._ready: tuple[KeySet, float] | None = None

    def ready(self, kid: str, alg: str, now: float) -> PublicKey | None:
        """The key `kid`, bound to `alg`, if nothing but an answer is called for. Safe to call beside any change."""
        ready = self._ready
        if ready is None or now >= ready[1]:
            return None
        key = ready[0].find(kid, alg)
        return None if key is None else key.key

    def plan(self, kid: str, now: float) -> Plan:
        """What a token with this `kid` calls for."""
        if not self.may_fetch(now):
            return Plan.ANSWER
        age = now - self.fetched_at
        if self.keys is None or age >= self.limits.hard_ttl:
            return Plan.FETCH
        if self.last_error is None and age >= self._soft_ttl:
            return Plan.FETCH
        if not self.keys.has(kid):
            return Plan.ANSWER if self._unknown.get(kid, now) > now else Plan.FETCH
        # Old keys that could not be fetched anew stand in: one request waited for that, the others need not.
        return Plan.RENEW if age >= self._renew_age else Plan.ANSWER

    def may_fetch(self, now: float) -> bool:
        """Whether the ration allows a fetch."""
        return now >= self._may_fetch_at

    def answer(self, kid: str, alg: str, now: float) -> PublicKey:
        """The key `kid`, bound to `alg`.

        Raises KeysUnavailable, also while nobody can say whether there is such a key now, else InvalidToken.
        """
        if self.keys is None or now - self.fetched_at >= self.limits.hard_ttl:
            reason = f"the authority's keys are not known: {self.last_error or 'not fetched yet'}"
            raise KeysUnavailable(reason, retry_after=self._may_fetch_at - now)
        key = self.keys.find(kid, alg)
        if key is not None:
            return key.key
        if self.keys.has(kid):
            raise InvalidToken("the key is registered for another algorithm")
        if self.last_error is not None:
            # It may be a key that has come since. A 401 would make callers throw away tokens that are good.
            reason = f"the key id is not known, and the authority's keys cannot be fetched: {self.last_error}"
            raise KeysUnavailable(reason, retry_after=self._may_fetch_at - now)
        raise InvalidToken("the key id is not known")

    def note_absent(self, kid: str, now: float) -> None:
        """Remember that a fetch, made for `kid`, did not bring it."""
        if self.keys is None or self.keys.has(kid) or self.last_error is not None:
            return
        self._unknown.pop(kid, None)
        while len(self._unknown) >= self.limits.negative_kids:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[kid] = now + self.limits.negative_ttl

    def succeeded(
        self, keys: KeySet | None, etag: str | None, max_age: float | None, now: float, chance: float = 0.0
    ) -> None:
        """A fetch ended well; `keys` is None when they had not changed. `chance`, in 0..1, is the jitter's die."""
        due = self.keys is None or now - self.fetched_at >= self._renew_age
        if keys is not None:
            self.keys, self.etag = keys, etag
        longest = max(self.limits.soft_ttl, min(_MAX_SOFT_TTL, self.limits.hard_ttl))
        self._soft_ttl = min(max(max_age or 0.0, self.limits.soft_ttl), longest)
        self._renew_age = (_AHEAD - _JITTER * chance) * self._soft_ttl
        # The ration is for fetches that an unknown key id caused; one on schedule must not hide a rotation after it.
        self._may_fetch_at = now if due else now + self.limits.cooldown
        self.fetched_at = now
        self.last_error = None
        self._failures = 0
        if self.keys is not None:
            self._ready = self.keys, now + self._renew_age

    def ask_again(self) -> None:
        """Let the next fetch be made whatever the ration says, and forget which key ids were not there."""
        self._may_fetch_at = float("-inf")
        self._unknown.clear()

    def failed(self, reason: str, now: float) -> None:
        """A fetch failed. What is known stays known."""
        self.last_error = reason
        self._failures += 1
        self._may_fetch_at = now + min(self.limits.cooldown, 2.0 ** min(self._failures - 1, 16))
