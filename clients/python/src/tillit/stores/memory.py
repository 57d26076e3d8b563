"""The tokens of one process."""

from __future__ import annotations

from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock


class MemoryStore:
    """Up to `capacity` tokens in this process; the oldest make room. Clients may share one.

    Every client has one, in front of the store that processes share if there is such a store, so that a token that is
    held costs no more than a look into a dictionary. What it holds stays good in a forked child.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        if capacity < 1:
            raise ConfigError("capacity must be at least 1")
        self._capacity = capacity
        self._lock = ForkSafeLock()
        self._tokens: dict[str, Token] = {}

    def get(self, key: str) -> Token | None:
        """The token kept under `key`, whatever its age."""
        return self._tokens.get(key)

    def put(self, key: str, token: Token) -> None:
        """Keep `token` under `key` in place of what was there."""
        with self._lock:
            self._tokens.pop(key, None)
            while len(self._tokens) >= self._capacity:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[key] = token

    def drop(self, key: str, token: Token) -> None:
        """Remove `token` from `key`, unless another has taken its place."""
        with self._lock:
            held = self._tokens.get(key)
            if held is not None and held.value == token.value:
                del self._tokens[key]

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._tokens)} tokens)"
