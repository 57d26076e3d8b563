"""Tokens in Redis or Valkey, for processes on many machines."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from tillit.redis_server import redis_server
from tillit.stores.protocol import MAX_BYTES, Stored

if TYPE_CHECKING:
    import redis

# Only the one who set it removes it: the lock may have run out and be another's, the token may have been replaced.
_COMPARE_AND_DELETE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisStore:
    """Tokens under `prefix` and the key, in a server given by address or as a `redis.Redis` (not of redis.asyncio).

    With an address, connecting and answering may take a second each. Works for both clients: the async one calls it
    in threads. Its errors are those of the redis package. Needs the extra `redis`. Raises ConfigError.
    """

    def __init__(self, server: str | redis.Redis, *, prefix: str = "tillit:") -> None:
        self._server: Any = redis_server(server, "RedisStore")
        self._prefix = prefix

    def get(self, key: str) -> Stored | None:
        """What was put under `key`, and how long the server will keep it."""
        with self._server.pipeline(transaction=False) as pipe:
            blob, left = pipe.getrange(self._prefix + key, 0, MAX_BYTES).pttl(self._prefix + key).execute()
        return Stored(blob, left / 1000) if blob and left >= 0 and len(blob) <= MAX_BYTES else None

    def put(self, key: str, blob: bytes, ttl: float) -> None:
        """Keep `blob` under `key` for `ttl` seconds."""
        self._server.set(self._prefix + key, blob, px=_milliseconds(ttl))

    def drop(self, key: str, blob: bytes) -> None:
        """Remove `blob` from `key`, unless something else has taken its place."""
        self._server.eval(_COMPARE_AND_DELETE, 1, self._prefix + key, blob)

    def lock(self, key: str, ttl: float) -> _RedisLease | None:
        """The lock of `key` for `ttl` seconds, or None while another holds it."""
        name, mark = f"{self._prefix}{key}:lock", secrets.token_bytes(16)
        if self._server.set(name, mark, nx=True, px=_milliseconds(ttl)):
            return _RedisLease(self._server, name, mark)
        return None

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"


class _RedisLease:
    def __init__(self, server: Any, name: str, mark: bytes) -> None:
        self._server, self._name, self._mark = server, name, mark

    def release(self) -> None:
        self._server.eval(_COMPARE_AND_DELETE, 1, self._name, self._mark)


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)
