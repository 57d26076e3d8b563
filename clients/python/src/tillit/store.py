"""Where tokens are kept between calls."""

from __future__ import annotations

from typing import Protocol

from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock


class TokenStore(Protocol):
    """Tokens by cache key. Consulted on every call, so it answers from memory; it must be safe to call from threads."""

    def get(self, key: str) -> Token | None:
        """The token kept under `key`, whatever its age."""
        ...

    def put(self, key: str, token: Token) -> None:
        """Keep `token` under `key` in place of what was there."""
        ...

    def drop(self, key: str, token: Token) -> None:
        """Remove `token` from `key`, unless another has taken its place (compare and drop)."""
        ...


class MemoryStore:
    """Up to `capacity` tokens in this process; the oldest make room. Clients may share one."""

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
