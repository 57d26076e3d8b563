"""A clock that is set by hand, and rings in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from authserver.keys.ring import KeyRing, RingOptions

NOON = 1_800_000_000


@dataclass
class FakeClock:
    now: int = NOON

    def __call__(self) -> int:
        return self.now


OpenRing = Callable[..., KeyRing]


@pytest.fixture
def clock() -> FakeClock:
    """Seconds that pass only when a test says so."""
    return FakeClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A key directory that does not exist yet."""
    return tmp_path / "keys"


@pytest.fixture
def open_ring(directory: Path, clock: FakeClock) -> OpenRing:
    """Open a ring on the directory, as each process would for itself."""

    def opened(options: RingOptions | None = None) -> KeyRing:
        return KeyRing.open(directory, clock, options)

    return opened


@pytest.fixture
def ring(open_ring: OpenRing) -> KeyRing:
    """A ring that signs ES256."""
    ring = open_ring()
    ring.init(("ES256",))
    return ring
