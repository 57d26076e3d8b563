"""The token client for asyncio."""

from __future__ import annotations

import asyncio
import inspect
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
from tillit.errors import Rejected, TillitError, Unavailable
from tillit.events import Hook
from tillit.grants import GrantClient
from tillit.signers import LocalSigner, Signer
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import TokenStore
from tillit.tasks import TaskKeeper
from tillit.transport import AsyncTransport, Unreachable, afetch_metadata


class AsyncTokenClient(GrantClient, TaskKeeper):
    """Gets access tokens, keeps them, and renews them before they expire. Safe to share between tasks and loops.

    One request a key is under way at a time; a cancelled caller does not end it for the others.

    `store` is where tokens are shared with other processes (see `tillit.stores`), or a MemoryStore that clients of this
    process share; without one it is what the configuration's `token_cache` says.

    `hooks` are called with each event of `tillit.events`, where it happens: they must not block, nor use the client.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        http: httpx2.AsyncClient | None = None,
        store: TokenStore | MemoryStore | None = None,
        refresh: RefreshPolicy | None = None,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        super().__init__(config, store=store, refresh=refresh, retry=retry, clock=clock, hooks=hooks)
        self._transport = AsyncTransport(http, config.route)

    @classmethod
    def from_env(cls, prefix: str | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """A client with the settings in the environment; see `ClientConfig.from_env`."""
        return cls(ClientConfig.from_env(prefix, environ))

    async def _ask(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        del anew  # what an authority gives always is
        try:
            async with asyncio.timeout(within):
                return await self._asked(request, within)
        except TimeoutError:
            raise Unavailable("the attempt took too long") from None

    async def _asked(self, request: TokenRequest, within: float) -> Token:
        authority = await self._locate(within)
        started, reply = await self._exchange(authority, request, within)
        if self._proofs.again(self._endpoint(authority), reply):
            started, reply = await self._exchange(authority, request, within)
        try:
            return self._read(reply, request, started)
        except Rejected as error:
            if not self._corrected(error):
                raise
        started, reply = await self._exchange(authority, request, within)
        return self._read(reply, request, started)

    async def _exchange(
        self, authority: Authority, request: TokenRequest, within: float
    ) -> tuple[tuple[float, float], Reply]:
        """One request for a token, signed anew, and when it began on both clocks."""
        endpoint = self._endpoint(authority)
        signer = signers.current(self.config.signer)
        prepared = self._prepare(authority, request, signer)
        form = prepared.signed(await self._signature(signer, prepared.signing_input))
        started = self._started()
        return started, await self._post(endpoint, form, within)

    async def _locate(self, within: float) -> Authority:
        where = self._where
        if isinstance(where, Discovery):
            where = self._where = await afetch_metadata(where, transport=self._transport, within=within)
        return where

    async def _signature(self, signer: Signer, data: bytes) -> bytes:
        if isinstance(signer, LocalSigner):
            return signer.sign(data)
        try:
            # A signer we do not know may block on a network or a smart card.
            signature = await asyncio.to_thread(signer.sign, data)
            return await signature if inspect.isawaitable(signature) else signature
        except TillitError:
            raise
        except Exception as error:  # noqa: BLE001 - the errors of a key service are its own
            self._signer_failed(error)

    async def _post(self, url: str, form: dict[str, str], within: float) -> Reply:
        try:
            return await self._transport.send(
                "POST", url, form=form, within=within, max_bytes=MAX_RESPONSE, headers=self._proofs.headers(url)
            )
        except Unreachable as error:
            raise Unavailable(f"token endpoint: {error}") from None
