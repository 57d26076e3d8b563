"""The token client for threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import httpx2
import stamina

from tillit import signers
from tillit.base import TokenClientBase
from tillit.clock import Clock
from tillit.config import ClientConfig
from tillit.core.authority import Authority, Discovery
from tillit.core.refresh import Freshness, RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.response import MAX_RESPONSE, Reply
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.errors import ConfigError, Rejected, Throttled, TillitError, TokenError, Unavailable
from tillit.events import Hook
from tillit.signers import Signer
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import TokenStore
from tillit.transport import Transport, Unreachable, fetch_metadata
from tillit.turns import in_turn


class TokenClient(TokenClientBase):
    """Gets access tokens, keeps them, and renews them before they expire. Safe to share between threads.

    One request a key is under way at a time; different keys never wait for each other.

    `store` is where tokens are shared with other processes (see `tillit.stores`), or a MemoryStore that clients of this
    process share; without one it is what the configuration's `token_cache` says.

    `hooks` are called with each event of `tillit.events`, where it happens: they must not block, nor use the client.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        http: httpx2.Client | None = None,
        store: TokenStore | MemoryStore | None = None,
        refresh: RefreshPolicy | None = None,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        super().__init__(config, store=store, refresh=refresh, retry=retry, clock=clock, hooks=hooks)
        self._transport = Transport(http, config.route)

    @classmethod
    def from_env(cls, prefix: str | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """A client with the settings in the environment; see `ClientConfig.from_env`."""
        return cls(ClientConfig.from_env(prefix, environ))

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
            if freshness is Freshness.RENEW and self._renewal_due(key):
                self._flights.launch(key, lambda: self._fetch(key, wanted, held))
            if freshness is not Freshness.SPENT:
                return held
        try:
            if not force:
                self._missed(key, wanted)
            return self._flights.run(
                key, lambda: self._fetch(key, wanted, held, deadline, force=force), self._wait(deadline)
            )
        except (Throttled, Unavailable):
            if held is None or force or held.expires_in() <= 0:
                raise
            return held

    def headers(self, request: TokenRequest | str | Iterable[str] | None = None) -> dict[str, str]:
        """The headers that put a token on one request, for HTTP libraries that have no adapter here.

        Raises what `get` does, and ConfigError for a client whose tokens are bound to a key, since each needs a proof.
        """
        self._needs_no_proof()
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
            return self._obtain(key, request, seen)
        return self._keep(key, in_turn(turn, lambda: self._obtain(key, request, seen)))

    def _obtain(self, key: str, request: TokenRequest, seen: Token | None) -> Token:
        """Ask the authority for a token, as often as the policy has it, and keep it."""
        attempts = self._attempts()
        try:
            with self._hooks.refresh(request.scopes, self._clock.monotonic) as refresh:
                for attempt in stamina.retry_context(on=attempts.wait_after, attempts=None, timeout=None):
                    with attempt:
                        refresh.attempt(attempt.num)
                        token = self._keep(key, self._ask(request, attempts.timeout()))
                        return refresh.succeeded(token)
        except TokenError as error:
            self._note_failure(key, error, seen)
            raise
        raise AssertionError("stamina ends by returning or raising")

    def _ask(self, request: TokenRequest, within: float) -> Token:
        authority = self._locate(within)
        started, reply = self._exchange(authority, request, within)
        if self._proofs.again(self._endpoint(authority), reply):
            started, reply = self._exchange(authority, request, within)
        try:
            return self._read(reply, request, started)
        except Rejected as error:
            if not self._corrected(error):
                raise
        started, reply = self._exchange(authority, request, within)
        return self._read(reply, request, started)

    def _exchange(
        self, authority: Authority, request: TokenRequest, within: float
    ) -> tuple[tuple[float, float], Reply]:
        """One request for a token, signed anew, and when it began on both clocks."""
        endpoint = self._endpoint(authority)
        signer = signers.current(self.config.signer)
        prepared = self._prepare(authority, request, signer)
        form = prepared.signed(self._signature(signer, prepared.signing_input))
        started = self._started()
        return started, self._post(endpoint, form, within)

    def _locate(self, within: float) -> Authority:
        where = self._where
        if isinstance(where, Discovery):
            where = self._where = fetch_metadata(where, transport=self._transport, within=within)
        return where

    def _signature(self, signer: Signer, data: bytes) -> bytes:
        try:
            signature = signer.sign(data)
        except TillitError:
            raise
        except Exception as error:  # noqa: BLE001 - the errors of a key service are its own
            self._signer_failed(error)
        if not isinstance(signature, bytes):
            raise ConfigError("the signer is asynchronous; use AsyncTokenClient")
        return signature

    def _post(self, url: str, form: dict[str, str], within: float) -> Reply:
        try:
            return self._transport.send(
                "POST", url, form=form, within=within, max_bytes=MAX_RESPONSE, headers=self._proofs.headers(url)
            )
        except Unreachable as error:
            raise Unavailable(f"token endpoint: {error}") from None

    def close(self) -> None:
        """Refuse further calls. An injected HTTP client stays open: it is the caller's."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
