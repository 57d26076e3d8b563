"""What all token clients share: everything but the waiting, and whom they ask."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from tillit.clock import Clock, SystemClock
from tillit.core.refresh import Freshness, RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.response import Grant
from tillit.core.retry import Attempts, RetryPolicy
from tillit.core.token import Token
from tillit.dpop import Prover
from tillit.errors import ConfigError, TokenError
from tillit.events import CacheMiss, Hook, Hooks, RefusalRemembered
from tillit.flights import Flights
from tillit.refusals import Refusals
from tillit.sharing import Sharing
from tillit.stores.memory import MemoryStore
from tillit.turns import Turn

logger = logging.getLogger("tillit")

_LOOKED_UP: Final = 1024


class TokenKeeper(ABC):
    """Resolves requests, judges the tokens that it holds, and files what comes of asking for others."""

    prover: Prover | None = None
    _sharing: Sharing | None = None

    def __init__(
        self,
        *,
        store: MemoryStore | None,
        refresh: RefreshPolicy | None,
        retry: RetryPolicy | None,
        clock: Clock | None,
        hooks: Iterable[Hook],
    ) -> None:
        self._store = store or MemoryStore()
        self._refresh = refresh or RefreshPolicy()
        self._retry = retry or RetryPolicy()
        self._clock: Clock = clock or SystemClock()
        # A turn at a store, and then what the policy has.
        self._flights: Flights[Token] = Flights(2 * self._retry.deadline + self._retry.attempt_timeout)
        self._refusals = Refusals()
        self._hooks = Hooks(hooks)
        self._renewals: dict[str, float] = {}
        self._failing: set[str] = set()
        self._random = random.SystemRandom()
        self._closed = False
        self._kept_for = self._identity()
        self._key = lru_cache(1024)(self._make_key)
        self._looked_up: dict[TokenRequest | str | None, tuple[TokenRequest, str]] = {}

    @abstractmethod
    def _identity(self) -> str:
        """In whose name tokens are asked for; once it is another, those that are held will not do."""

    @abstractmethod
    def _make_key(self, request: TokenRequest) -> str:
        """What the token for `request` is kept under: a digest of everything that it depends on."""

    @abstractmethod
    def _resolve(self, request: TokenRequest | str | Iterable[str] | None) -> TokenRequest:
        """What is asked for, by the defaults where `request` says nothing. Raises ConfigError."""

    def require_bearer(self) -> None:
        """Raises ConfigError where tokens are bound to a key, because each request needs a proof then."""
        if self.prover is not None:
            raise ConfigError("the client's tokens are bound to a key, and each request needs a proof: use DpopAuth")

    def peek(self, request: TokenRequest | str | Iterable[str] | None = None) -> Token | None:
        """The token this process holds for `request`, if it has not expired. Sends nothing. Raises ConfigError."""
        token = self._store.get(self._look_up(request)[1])
        return token if token is not None and token.expires_in() > 0 else None

    def invalidate(self, token: Token) -> None:
        """Forget `token`, unless a newer one has already taken its place.

        From a store that is shared it is removed by the next call that wants its like.
        """
        key = self._key(token.request)
        self._store.drop(key, token)
        if self._sharing is not None:
            self._sharing.unwant(key, token)

    def _turn(
        self, key: str, request: TokenRequest, seen: Token | None, deadline: float | None, *, force: bool
    ) -> Turn | None:
        """This client's turn at the store it shares; None if it shares none."""
        if self._sharing is None:
            return None
        refusal = None if force else self._refusals.recall(key, self._clock.monotonic())
        if refusal is not None:
            self._hooks.tell(RefusalRemembered(request.scopes))
        return self._sharing.turn(key, request, seen, deadline=deadline, force=force, refusal=refusal)

    def _look_up(self, request: TokenRequest | str | Iterable[str] | None) -> tuple[TokenRequest, str]:
        """What `request` asks for, and the key of its token."""
        if self._closed:
            raise ConfigError("the client is closed")
        if self._identity() != self._kept_for:
            # The key has been replaced, and a token that the old one got is not to be had for the new one's.
            self._kept_for = self._identity()
            self._key.cache_clear()
            self._looked_up.clear()
        # Only what is a value may be looked up by it: a list can change, and an iterator can be read once.
        kind = type(request)
        if kind is not str and kind is not TokenRequest and request is not None:
            wanted = self._resolve(request)
            return wanted, self._key(wanted)
        found = self._looked_up.get(request)  # type: ignore[arg-type]  # the types were told apart above
        if found is None:
            wanted = self._resolve(request)
            found = wanted, self._key(wanted)
            if len(self._looked_up) >= _LOOKED_UP:
                self._looked_up.clear()
            self._looked_up[request] = found  # type: ignore[index]  # the same
        return found

    def _judge(self, token: Token | None) -> Freshness:
        if token is None:
            return Freshness.SPENT
        return self._refresh.judge(age=token.age(), lifetime=token.lifetime, renew_age=token.renew_age)

    def _newer(self, key: str, seen: Token | None) -> Token | None:
        """The cached token, if it is another than the one `seen` before and good."""
        held = self._store.get(key)
        if held is None or (seen is not None and held.value == seen.value):
            return None
        return None if self._judge(held) is Freshness.SPENT else held

    def _renewal_due(self, key: str) -> bool:
        """Whether a renewal may begin now; if so, it is noted as begun."""
        now = self._clock.monotonic()
        if now - self._renewals.get(key, float("-inf")) < self._refresh.min_interval:
            return False
        self._renewals[key] = now
        return True

    def _missed(self, key: str, request: TokenRequest) -> None:
        """Note that a caller has to wait. Raises the refusal that stands."""
        self._hooks.tell(CacheMiss(request.scopes))
        # Where a store is shared somebody else may have been luckier: that is looked up first, by a turn there.
        error = None if self._sharing else self._refusals.recall(key, self._clock.monotonic())
        if error is not None:
            self._hooks.tell(RefusalRemembered(request.scopes))
            raise error

    def _wait(self, deadline: float | None) -> float:
        # The flight's own deadline ends it with the better message, so the default wait is a little longer.
        return self._retry.deadline + self._retry.attempt_timeout if deadline is None else deadline

    def _attempts(self) -> Attempts:
        return Attempts(self._retry, self._clock.monotonic, self._random.random)

    def _token(self, grant: Grant, request: TokenRequest, started: tuple[float, float]) -> Token:
        return Token(
            value=grant.access_token,
            scopes=grant.scopes,
            request=request,
            lifetime=grant.expires_in,
            clock=self._clock,
            obtained=started[0],
            obtained_wall=started[1],
            renew_age=self._refresh.renew_age(grant.expires_in, self._random.uniform(-1, 1)),
            token_type=grant.token_type,
        )

    def _started(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.time()

    def _keep(self, key: str, token: Token) -> Token:
        self._store.put(key, token)
        self._refusals.forget(key)
        self._renewals.pop(key, None)
        self._failing.discard(key)
        if self._sharing is not None:
            self._sharing.settled(key)
        return token

    def _note_failure(self, key: str, error: TokenError, seen: Token | None) -> None:
        self._refusals.remember(key, error, self._clock.monotonic())
        if seen is not None and seen.expires_in() > 0:
            while len(self._failing) >= _LOOKED_UP:
                self._failing.pop()
            self._failing.add(key)
            # Whoever asks gets the old token, so nobody would hear of it.
            logger.warning("a token could not be renewed yet: %s", error)

    def _will_do(self, key: str, held: Token, freshness: Freshness) -> bool:
        """Whether callers get the token that is held; nobody waits for an authority that has just failed somebody."""
        return freshness is not Freshness.SPENT or (key in self._failing and held.expires_in() > 0)

    def _stand_in(self, error: TokenError, held: Token | None, *, force: bool) -> Token:
        """The token that is held, while it lasts: what it is good for is the API's to say. Else raises `error`."""
        if held is None or force or held.expires_in() <= 0 or isinstance(error, ConfigError):
            raise error
        return held

    def __reduce__(self) -> Any:
        raise TypeError("a token client is not pickled; make one in each process from the same configuration")
