"""The token client for threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Self

import httpx2

from tillit import signers
from tillit.clock import Clock
from tillit.config import ClientConfig
from tillit.core.authority import Authority, Discovery
from tillit.core.refresh import RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.response import MAX_RESPONSE, Reply
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.errors import ConfigError, Rejected, TillitError, Unavailable
from tillit.events import Hook
from tillit.grants import GrantClient
from tillit.signers import Signer
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import TokenStore
from tillit.threads import ThreadKeeper
from tillit.transport import Transport, Unreachable, fetch_metadata


class TokenClient(GrantClient, ThreadKeeper):
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

    def _ask(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        del anew  # what an authority gives always is
        # By the system's clock: what is bounded is how long a caller really waits.
        stop = time.monotonic() + within
        authority = self._locate(within)
        started, reply = self._exchange(authority, request, stop)
        if self._proofs.again(self._endpoint(authority), reply):
            started, reply = self._exchange(authority, request, stop)
        try:
            return self._read(reply, request, started)
        except Rejected as error:
            if not self._corrected(error):
                raise
        started, reply = self._exchange(authority, request, stop)
        return self._read(reply, request, started)

    def _exchange(self, authority: Authority, request: TokenRequest, stop: float) -> tuple[tuple[float, float], Reply]:
        """One request for a token, signed anew, and when it began on both clocks. All is over at `stop`."""
        endpoint = self._endpoint(authority)
        signer = signers.current(self.config.signer)
        prepared = self._prepare(authority, request, signer)
        form = prepared.signed(self._signature(signer, prepared.signing_input))
        left = stop - time.monotonic()
        if left <= 0:
            raise Unavailable("the attempt took too long")
        started = self._started()
        return started, self._post(endpoint, form, left)

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
