"""Token stores for tests, and settings that processes of their own can be started with."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.tillit.conftest import Keys
from tests.tillit.stub import StubAuthority
from tillit.stores import Lease, Stored


@dataclass
class DictStore:
    """A store in a dictionary, which two clients in one process share as if they were two processes."""

    kept: dict[str, bytes] = field(default_factory=dict)
    locks: dict[str, object] = field(default_factory=dict)
    ttl: float | None = None
    before: Callable[[str], None] = lambda _: None
    calls: list[str] = field(default_factory=list)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)

    def get(self, key: str) -> Stored | None:
        self._called("get")
        blob = self.kept.get(key)
        return None if blob is None else Stored(blob, self.ttl)

    def put(self, key: str, blob: bytes, ttl: float) -> None:
        self._called("put")
        assert ttl > 0
        self.kept[key] = blob

    def drop(self, key: str, blob: bytes) -> None:
        self._called("drop")
        if self.kept.get(key) == blob:
            del self.kept[key]

    def lock(self, key: str, ttl: float) -> Lease | None:
        self._called("lock")
        assert ttl > 0
        mark = object()
        with self.mutex:
            return _Held(self, key, mark) if self.locks.setdefault(key, mark) is mark else None


@dataclass
class _Held:
    store: DictStore
    key: str
    mark: object

    def release(self) -> None:
        self.store.before("release")
        if self.store.locks.get(self.key) is self.mark:
            del self.store.locks[self.key]


def environment(authority: StubAuthority, keys: Keys, cache: str, key: bytes | None = None) -> dict[str, str]:
    """The settings of a client that shares its tokens in `cache`."""
    settings = {
        "TILLIT_CLIENT_ID": "client-1",
        "TILLIT_PRIVATE_KEY": keys.pem(keys.ed25519),
        "TILLIT_KID": "k1",
        "TILLIT_ISSUER": authority.issuer,
        "TILLIT_TOKEN_CACHE": cache,
    }
    return settings if key is None else {**settings, "TILLIT_TOKEN_CACHE_KEY": base64.urlsafe_b64encode(key).decode()}
