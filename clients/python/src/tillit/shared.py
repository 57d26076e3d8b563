"""A store that processes share, as a client uses it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from tillit.core.request import TokenRequest
from tillit.core.stored_token import StoredToken, decode, encode
from tillit.core.token import Token
from tillit.stores.protocol import Lease, Stored, TokenStore

logger = logging.getLogger("tillit")

# After a failure the store is left alone for so long; a store that does not answer would delay every fetch.
_REST: Final = 5.0


class SharedTokens:
    """A store, as a client uses it: tokens in and out, and failures logged once and never raised.

    `make` builds the token of a request from what the store knows; None if it is too old.
    """

    def __init__(self, store: TokenStore, make: Callable[[StoredToken, Stored, TokenRequest], Token | None]) -> None:
        self._store = store
        self._make = make
        self._resting_until = float("-inf")
        self._complained = False

    def read(self, key: str, request: TokenRequest) -> Token | None:
        """The token under `key`, if it has not expired. Raises whatever the store does."""
        found = self._store.get(key)
        told = None if found is None else decode(found.blob)
        return None if found is None or told is None else self._make(told, found, request)

    def put(self, key: str, token: Token) -> None:
        """Keep `token` for the others."""
        self.attempt(lambda: self._store.put(key, encode(token), max(token.expires_in(), 0.001)))

    def drop(self, key: str, token: Token) -> None:
        """Remove `token`, unless another has taken its place."""
        self.attempt(lambda: self._store.drop(key, encode(token)))

    def lock(self, key: str, ttl: float) -> Lease | None:
        """The store's lock of `key`. Raises whatever the store does."""
        return self._store.lock(key, ttl)

    def attempt(self, work: Callable[[], None]) -> bool:
        """Whether `work` was done; it is not begun while the store rests after a failure."""
        return time.monotonic() >= self._resting_until and self._done(work)

    def give_up(self, lease: Lease) -> None:
        """Release `lease`, rest or no rest: others wait for it."""
        self._done(lease.release)

    def _done(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a store has errors of its own, and none is worth a token
            self._resting_until = time.monotonic() + _REST
            if not self._complained:
                self._complained = True
                # Only the kind: what it says may hold an address with a password.
                logger.warning("the token store fails (%s); going on without it", type(error).__name__)
            return False
        self._complained = False
        return True
