"""A client's part in a store: which turns it takes there, and what it makes of the tokens that others put."""

from __future__ import annotations

import random
from typing import Final

from tillit.clock import Clock
from tillit.config import ClientConfig
from tillit.core.refresh import Freshness, RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.retry import RetryPolicy
from tillit.core.stored_token import StoredToken
from tillit.core.token import Token
from tillit.errors import TokenError
from tillit.shared import SharedTokens
from tillit.stores.address import open_store
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import Stored, TokenStore
from tillit.turns import Errand, Turn, TurnTimes

_UNWANTED: Final = 1024


class Sharing:
    """The turns of one client at one store."""

    def __init__(self, store: TokenStore, clock: Clock, refresh: RefreshPolicy, retry: RetryPolicy) -> None:
        self._shared = SharedTokens(store, self._from_store)
        self._clock = clock
        self._refresh = refresh
        self._retry = retry
        self._random = random.SystemRandom()
        self._unwanted: dict[str, Token] = {}

    @staticmethod
    def of(
        config: ClientConfig,
        store: TokenStore | MemoryStore | None,
        clock: Clock,
        refresh: RefreshPolicy,
        retry: RetryPolicy,
    ) -> Sharing | None:
        """The part of a client with this configuration and `store`; None if it shares nothing. Raises ConfigError."""
        found = open_store(config.token_cache, config.token_cache_key) if store is None else store
        return None if found is None or isinstance(found, MemoryStore) else Sharing(found, clock, refresh, retry)

    def unwant(self, key: str, token: Token) -> None:
        """Let `token` be dropped by the next turn: now might be on an event loop, which must not wait for a store."""
        while len(self._unwanted) >= _UNWANTED:
            del self._unwanted[next(iter(self._unwanted))]
        self._unwanted[key] = token

    def settled(self, key: str) -> None:
        """There is another token under `key`."""
        self._unwanted.pop(key, None)

    def turn(
        self,
        key: str,
        request: TokenRequest,
        seen: Token | None,
        *,
        deadline: float | None,
        force: bool,
        refusal: TokenError | None,
    ) -> Turn:
        """A turn to get another token than the one `seen` before.

        After a `refusal` that stands, the turn is only to look whether another process was luckier.
        """
        # Nobody waits for a renewal, so it has the time to replace what others have but is due for renewal too.
        renewing = seen is not None and self._judge(seen) is not Freshness.SPENT
        enough = {Freshness.FRESH} if renewing else {Freshness.FRESH, Freshness.RENEW}
        unwanted = self._unwanted.get(key)
        errand = Errand(
            key,
            request,
            usable=lambda token: self._judge(token) in enough,
            known=frozenset(token.value for token in (seen, unwanted) if token is not None),
            unwanted=unwanted,
            force=force,
            refusal=refusal,
            times=TurnTimes.of(self._retry, deadline),
        )
        return Turn(self._shared, errand)

    def _judge(self, token: Token) -> Freshness:
        return self._refresh.judge(age=token.age(), lifetime=token.lifetime, renew_age=token.renew_age)

    def _from_store(self, told: StoredToken, found: Stored, request: TokenRequest) -> Token | None:
        age = told.age(self._clock.time(), found.ttl)
        if age is None:
            return None
        return Token(
            value=told.value,
            scopes=told.scopes,
            request=request,
            lifetime=told.lifetime,
            clock=self._clock,
            obtained=self._clock.monotonic() - age,
            obtained_wall=told.obtained,
            # When it is renewed is this process's own throw of the dice, so that a fleet does not renew in step.
            renew_age=self._refresh.renew_age(told.lifetime, self._random.uniform(-1, 1)),
            token_type=told.token_type,
        )
