"""Tokens that have been verified a moment ago, so that the next request with the same one costs a digest."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from tillit.core.access_token import AccessToken
from tillit.core.policy import Policy
from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import MAX_TOKEN
from tillit.jwks import JwksSource


@dataclass(frozen=True, slots=True)
class Verified:
    """A token and what its verdict rests on: the key object, the policy, and the seconds `during` which it holds."""

    token: AccessToken
    source: JwksSource
    kid: str
    alg: str
    key: PublicKey
    policy: Policy
    during: range


class VerifiedTokens:
    """Up to `capacity` verdicts by the SHA-256 of the whole token; the least recently used make room.

    The tokens themselves are not kept. A verdict is given only for the policy it was reached under and while the token
    has neither expired nor grown too old; the caller sees to the key. Zero keeps nothing. Raises ConfigError.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 0:
            raise ConfigError("the size of the cache must not be negative")
        self.capacity = capacity
        self._lock = ForkSafeLock()
        self._verdicts: OrderedDict[bytes, Verified] = OrderedDict()

    def recall(self, token: str, policy: Policy, now: int) -> Verified | None:
        """The verdict on `token` that holds under `policy` at `now` (seconds since the Unix epoch), if one is kept."""
        # What is not shaped like a token at all is for the reader to refuse.
        if not self.capacity or not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
            return None
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            verdict = self._verdicts.get(digest)
            if verdict is None:
                return None
            if verdict.policy is not policy or now not in verdict.during:
                del self._verdicts[digest]
                return None
            self._verdicts.move_to_end(digest)
            return verdict

    def keep(self, token: str, verdict: Verified, now: int) -> None:
        """Keep the verdict on `token` in a cache that keeps any, and let go of some that hold no more."""
        if now not in verdict.during:
            return
        digest = _digest(token)
        with self._lock:
            self._verdicts[digest] = verdict
            self._verdicts.move_to_end(digest)
            while len(self._verdicts) > self.capacity or now not in next(iter(self._verdicts.values())).during:
                self._verdicts.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing of what was verified so far."""
        with self._lock:
            self._verdicts.clear()

    def __repr__(self) -> str:
        return f"VerifiedTokens({len(self._verdicts)} of {self.capacity})"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()
