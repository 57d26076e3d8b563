"""Where an API remembers the DPoP proofs that were used, so that none is used twice (RFC 9449 section 11.1)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock


class ProofMemory(Protocol):
    """Where proofs that were used are remembered. Share one between processes to share the memory."""

    def first_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:
        """Whether the proof with this `digest` (32 bytes) is new; then it is not from now on.

        Proofs issued before `horizon` need not be remembered, for they are too old to be taken. Times are seconds
        since the Unix epoch. What it raises goes to the caller.
        """
        ...


@runtime_checkable
class AwaitedProofMemory(ProofMemory, Protocol):
    """One that asks a server, and has a way of doing so which does not hold up an event loop."""

    async def afirst_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:
        """The same, awaited."""
        ...


class RecentProofs:
    """The proofs of the last seconds, at most `capacity` of them, in this process. Raises ConfigError.

    When it is full, the oldest make room, and proofs as old as these are refused from then on: a replay is never
    taken for a first use, however many proofs there are.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        if capacity < 1:
            raise ConfigError("the capacity must be at least 1")
        self._capacity = capacity
        self._lock = ForkSafeLock()
        self._seen: set[bytes] = set()
        self._by_second: dict[int, list[bytes]] = {}
        self._floor = self._horizon = 0

    def first_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:  # noqa: ARG002 - the protocol
        """See ProofMemory."""
        with self._lock:
            if horizon > self._horizon:
                self._horizon = horizon
                for second in [second for second in self._by_second if second < horizon]:
                    self._seen.difference_update(self._by_second.pop(second))
            if len(self._seen) >= self._capacity:
                oldest = min(self._by_second)
                self._seen.difference_update(self._by_second.pop(oldest))
                self._floor = max(self._floor, oldest + 1)
            if issued_at < self._floor or digest in self._seen:
                return False
            self._seen.add(digest)
            self._by_second.setdefault(issued_at, []).append(digest)
            return True

    def __len__(self) -> int:
        return len(self._seen)
