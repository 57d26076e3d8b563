"""What token clients for threads share, whomever they ask."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import stamina

from tillit.core.refresh import Freshness
from tillit.core.request import TokenRequest
from tillit.core.token import Token
from tillit.errors import TokenError
from tillit.keeper import TokenKeeper
from tillit.turns import in_turn


class ThreadKeeper(TokenKeeper):
    """Gets and keeps tokens for threads: one request a key is under way at a time, and callers wait for that."""

    def get(
        self,
        request: TokenRequest | str | Iterable[str] | None = None,
        *,
        deadline: float | None = None,
        force: bool = False,
    ) -> Token:
        """A token that is good now: from the cache, or fetched.

        `request` may be scopes; None asks for the default scopes. `deadline` is how many seconds this caller waits;
        the fetch goes on for others. `force` fetches even if a token or a refusal is remembered.
        Raises ConfigError, Rejected, Throttled, Unavailable or MalformedResponse.
        """
        wanted, key = self._look_up(request)
        held = self._store.get(key)
        if held is not None and not force:
            freshness = self._judge(held)
            will_do = self._will_do(key, held, freshness)
            if will_do and freshness is not Freshness.FRESH and self._renewal_due(key):
                self._flights.launch(key, lambda: self._fetch(key, wanted, held))
            if will_do:
                return held
        try:
            if not force:
                self._missed(key, wanted)
            return self._flights.run(
                key, lambda: self._fetch(key, wanted, held, deadline, force=force), self._wait(deadline)
            )
        except TokenError as error:
            return self._stand_in(error, held, force=force)

    def headers(self, request: TokenRequest | str | Iterable[str] | None = None) -> dict[str, str]:
        """The headers that put a token on one request, for HTTP libraries that have no adapter here.

        Raises what `get` does, and ConfigError for a client whose tokens are bound to a key, since each needs a proof.
        """
        self.require_bearer()
        return {"Authorization": self.get(request).authorization}

    def _fetch(
        self, key: str, request: TokenRequest, seen: Token | None, deadline: float | None = None, *, force: bool = False
    ) -> Token:
        """Get and keep a token, unless somebody did since `seen` was read: here, or where the store is shared."""
        held = self._newer(key, seen)
        if held is not None:
            return held
        turn = self._turn(key, request, seen, deadline, force=force)
        if turn is None:
            return self._obtain(key, request, seen, anew=force)
        return self._keep(key, in_turn(turn, lambda: self._obtain(key, request, seen, anew=force)))

    def _obtain(self, key: str, request: TokenRequest, seen: Token | None, *, anew: bool) -> Token:
        """Ask for a token, as often as the policy has it, and keep it."""
        attempts = self._attempts()
        try:
            with self._hooks.refresh(request.scopes, self._clock.monotonic) as refresh:
                for attempt in stamina.retry_context(on=attempts.wait_after, attempts=None, timeout=None):
                    with attempt:
                        refresh.attempt(attempt.num)
                        token = self._keep(key, self._ask(request, attempts.timeout(), anew=anew))
                        return refresh.succeeded(token)
        except TokenError as error:
            self._note_failure(key, error, seen)
            raise
        raise AssertionError("stamina ends by returning or raising")

    @abstractmethod
    def _ask(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        """One attempt in at most `within` seconds. With `anew`, a token that others hold will not do."""

    def close(self) -> None:
        """Refuse further calls. An injected HTTP client stays open: it is the caller's."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
