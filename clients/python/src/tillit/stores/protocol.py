"""What a store for several processes must do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_BYTES: Final = 256 * 1024
"""What is larger is no token, and is not read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store found. `ttl` is how many seconds it will still keep it, None if it does not count them."""

    blob: bytes = field(repr=False)
    ttl: float | None = None


class Lease(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Give the lock up, unless it ran out and another has it."""
        ...


class TokenStore(Protocol):
    """Bytes by key, and a lock by key, shared by processes.

    Keys are hashes in 64 hexadecimal digits. Methods are called from any thread, never on an event loop's, and none
    of them waits for a lock. What they raise costs nobody a token: the client goes on without the store.
    """

    def get(self, key: str) -> Stored | None:
        """What was put under `key`; None if that is gone, too old, or not readable."""
        ...

    def put(self, key: str, blob: bytes, ttl: float) -> None:
        """Keep `blob` under `key` for at most `ttl` seconds, in place of what was there."""
        ...

    def drop(self, key: str, blob: bytes) -> None:
        """Remove `blob` from `key`, unless something else has taken its place (compare and drop)."""
        ...

    def lock(self, key: str, ttl: float) -> Lease | None:
        """The lock of `key`, for at most `ttl` seconds if its holder dies; None while another holds it."""
        ...
