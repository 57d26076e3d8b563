"""What the sync and the async client share: everything but the sending and the waiting."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn

from tillit.clock import Clock, SystemClock
from tillit.config import ClientConfig
from tillit.core import assertion
from tillit.core.assertion import UnsignedAssertion
from tillit.core.authority import Authority, Discovery
from tillit.core.hints import correction
from tillit.core.refresh import Freshness, RefreshPolicy
from tillit.core.request import TokenRequest, cache_key
from tillit.core.response import Reply, read_reply
from tillit.core.retry import Attempts, RetryPolicy
from tillit.core.token import Token
from tillit.dpop import GrantProofs
from tillit.errors import ConfigError, Rejected, Throttled, TokenError, Unavailable
from tillit.events import CacheMiss, Hook, Hooks, RefusalRemembered
from tillit.flights import Flights
from tillit.refusals import Refusals
from tillit.sharing import Sharing
from tillit.signers import Signer
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import TokenStore
from tillit.turns import Turn

logger = logging.getLogger("tillit")

_LOOKED_UP: Final = 1024
_SAME_CLOCK: Final = 3.0


class TokenClientBase:
    """Resolves requests, judges cached tokens, prepares assertions and files the answers."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        store: TokenStore | MemoryStore | None = None,
        refresh: RefreshPolicy | None = None,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        self.config = config
        self._store = store if isinstance(store, MemoryStore) else MemoryStore()
        self._refresh = refresh or RefreshPolicy()
        self._retry = retry or RetryPolicy()
        self._clock: Clock = clock or SystemClock()
        self._sharing = Sharing.of(config, store, self._clock, self._refresh, self._retry)
        self._flights: Flights[Token] = Flights()
        self._refusals = Refusals()
        self._hooks = Hooks(hooks)
        self._renewals: dict[str, float] = {}
        self._random = random.SystemRandom()
        self._where = config.where
        self._proofs = GrantProofs.of(config.dpop_key, self._clock.time, optional=config.dpop_optional)
        self.prover = self._proofs.prover
        self._correction = 0.0
        self._closed = False
        self._signed_by = config.signer.thumbprint
        self._key = lru_cache(1024)(self._make_key)
        self._looked_up: dict[TokenRequest | str | None, tuple[TokenRequest, str]] = {}

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

    def _needs_no_proof(self) -> None:
        if self.prover is not None:
            raise ConfigError("the client's tokens are bound to a key, and each request needs a proof: use DpopAuth")

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

    def _make_key(self, request: TokenRequest) -> str:
        # Not `_where`: that becomes an Authority once it is looked up, and the key must not change then.
        where = self.config.where
        address = where.metadata_url if isinstance(where, Discovery) else f"{where.issuer} {where.token_endpoint}"
        signer = self._proofs.with_key(self.config.signer.thumbprint)
        return cache_key(request, authority=address, client_id=self.config.client_id, signer=signer)

    def _look_up(self, request: TokenRequest | str | Iterable[str] | None) -> tuple[TokenRequest, str]:
        """What `request` asks for, and the key of its token."""
        if self._closed:
            raise ConfigError("the client is closed")
        if self.config.signer.thumbprint != self._signed_by:
            # The key has been replaced, and a token that the old one got is not to be had for the new one's.
            self._signed_by = self.config.signer.thumbprint
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

    def _resolve(self, request: TokenRequest | str | Iterable[str] | None) -> TokenRequest:
        if isinstance(request, TokenRequest):
            return request
        scopes = self.config.default_scopes if request is None else request
        return TokenRequest(scopes, self.config.resource, self.config.consumer_org)

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

    def _prepare(self, authority: Authority, request: TokenRequest, signer: Signer) -> UnsignedAssertion:
        members = assertion.claims(
            request,
            client_id=self.config.client_id,
            issuer=authority.issuer,
            jti=str(uuid.uuid4()),
            now=int(self._clock.time() + self._correction),
            lifetime=self.config.assertion_lifetime,
        )
        return assertion.prepare(signer.alg, signer.header(), members)

    def _read(self, reply: Reply, request: TokenRequest, started: tuple[float, float]) -> Token:
        grant = read_reply(reply, request, now=self._clock.time(), kinds=self._proofs.kinds)
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

    def _corrected(self, error: Rejected) -> bool:
        """Whether the authority's clock explains the refusal, and the next assertion is made by that clock."""
        found = correction(error.mp_code, error.description, error.skew)
        # What is already made by that clock would be refused again.
        if found is None or abs(found - self._correction) < _SAME_CLOCK:
            return False
        self._correction = found
        logger.warning("this machine's clock is %.0f s off the authority's; assertions follow the latter", found)
        return True

    def _started(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.time()

    def _keep(self, key: str, token: Token) -> Token:
        self._store.put(key, token)
        self._refusals.forget(key)
        self._renewals.pop(key, None)
        if self._sharing is not None:
            self._sharing.settled(key)
        return token

    def _note_failure(self, key: str, error: TokenError, seen: Token | None) -> None:
        if isinstance(error, Rejected) or (isinstance(error, Throttled) and error.retry_after):
            self._refusals.remember(key, error, self._clock.monotonic())
        if seen is not None and self._judge(seen) is not Freshness.SPENT:
            # Nobody waits for a renewal, so nobody would hear of it.
            logger.warning("a token could not be renewed yet: %s", error)

    def _signer_failed(self, error: Exception) -> NoReturn:
        # Only the kind: what a key service says in its errors is not ours to repeat.
        raise Unavailable(f"the signer failed: {type(error).__name__}") from None

    @staticmethod
    def _endpoint(authority: Authority) -> str:
        if authority.token_endpoint is None:
            raise ConfigError("the authority's metadata names no token_endpoint")
        return authority.token_endpoint

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.config.client_id!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a token client is not pickled; make one in each process from the same configuration")
