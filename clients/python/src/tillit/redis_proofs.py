"""Used DPoP proofs in Redis or Valkey, for an API of several processes."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from tillit.access_errors import ProofsUnavailable
from tillit.clock import Clock, SystemClock
from tillit.redis_server import redis_server

if TYPE_CHECKING:
    import redis

# The clocks of processes differ, so a proof that is too old for one may be good for another a while longer.
_APART: Final = 60
_REST: Final = 1.0


class RedisProofs:
    """Proofs under `prefix` and their digest, in a server given by address or as a `redis.Redis` (not redis.asyncio).

    Each is kept until no process would take it any more. When the server gives no answer, nothing can be known to be
    new: that raises ProofsUnavailable, an answer of 503, and for a second the server is not asked again. A server that
    forgets (evicts keys, restarts without its data, fails over to one that lags) takes a proof once more, so give it
    `maxmemory-policy noeviction`. With an address, connecting and answering may take a second each. Safe to share
    between threads and tasks, and over a fork. Needs the extra `redis`. Raises ConfigError.
    """

    def __init__(self, server: str | redis.Redis, *, prefix: str = "tillit:dpop:", clock: Clock | None = None) -> None:
        self._server = redis_server(server, "RedisProofs")
        self._prefix = prefix
        self._clock: Clock = clock or SystemClock()
        self._rests_until: float | None = None

    def first_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:  # noqa: ARG002 - the protocol
        """See ProofMemory. Raises ProofsUnavailable."""
        from redis import RedisError  # noqa: PLC0415 - an extra

        if self._rests_until is not None:
            if self._clock.monotonic() < self._rests_until:
                raise ProofsUnavailable("the memory of DPoP proofs did not answer a moment ago")
            # One request finds out whether the server is back, so that no others wait out their time-outs with it.
            self._rests_until = self._clock.monotonic() + _REST
        try:
            is_new = self._note(self._prefix + digest.hex(), max(issued_at - horizon, 0) + 1 + _APART)
        except (RedisError, OSError) as error:
            self._rests_until = self._clock.monotonic() + _REST
            raise ProofsUnavailable(f"the memory of DPoP proofs does not answer: {type(error).__name__}") from None
        self._rests_until = None
        return is_new

    async def afirst_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:
        """The same in a thread, for an event loop."""
        return await asyncio.to_thread(self.first_use, digest, issued_at, now, horizon)

    def _note(self, name: str, seconds: int) -> bool:
        mark = secrets.token_hex(16)
        if self._server.set(name, mark, nx=True, ex=seconds) is True:
            return True
        # The client asks again when an answer is lost on the way; then what stands there is its own.
        return self._server.get(name) in (mark, mark.encode("ascii"))

    def __repr__(self) -> str:
        return f"RedisProofs(prefix={self._prefix!r})"
