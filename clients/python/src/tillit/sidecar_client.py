"""Clients for tokens from a sidecar, for programs that hold no key: `tillit sidecar`, or Texas of nais."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import httpx2

from tillit.core.request import TokenRequest
from tillit.core.response import MAX_RESPONSE, Reply
from tillit.core.token import Token
from tillit.errors import Throttled, Unavailable
from tillit.sidecar_base import SidecarClientBase, endpoint_in
from tillit.transport import AsyncTransport, Transport, Unreachable


class SidecarTokenClient(SidecarClientBase):
    """Access tokens from a sidecar, with the names of `TokenClient`. Safe to share between threads.

    `endpoint` is the sidecar's address for tokens, as http://127.0.0.1:7164/api/v1/token; `provider` the identity
    provider it is asked for, `timeout` how many seconds it may take. It is reached past any proxy. Texas knows nothing
    of `consumer_org`; `tillit sidecar` does. Raises ConfigError.
    """

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client of the sidecar at `NAIS_TOKEN_ENDPOINT`. Raises ConfigError."""
        return cls(endpoint_in(environ))

    def get(
        self,
        request: TokenRequest | str | Iterable[str] | None = None,
        *,
        deadline: float | None = None,
        force: bool = False,
    ) -> Token:
        """A token that is good now: held, or from the sidecar.

        `deadline` is how many seconds this caller waits. `force` lets the sidecar fetch even if it holds one.
        Raises ConfigError, Rejected, Throttled, Unavailable or MalformedResponse.
        """
        wanted = self._wanted(request)
        held = None if force else self._fresh(wanted)
        if held is not None:
            return held
        within = self._timeout if deadline is None else deadline
        try:
            token = self._ask(wanted, within, skip_cache=force)
            if not force and self._is_unwanted(wanted, token):
                token = self._ask(wanted, within, skip_cache=True)
        except (Throttled, Unavailable):
            remaining = None if force else self.peek(wanted)
            if remaining is None:
                raise
            return remaining
        return self._keep(token)

    def headers(self, request: TokenRequest | str | Iterable[str] | None = None) -> dict[str, str]:
        """The headers that put a token on one request. Raises what `get` does."""
        return {"Authorization": self.get(request).authorization}

    def _ask(self, request: TokenRequest, within: float, *, skip_cache: bool) -> Token:
        started = self._started()
        form = self._form(request, skip_cache=skip_cache)
        # Not by the environment's proxy: what it would be handed is a token.
        with httpx2.Client(trust_env=False, verify=self.endpoint.startswith("https:")) as http:
            return self._read(_sent(Transport(http), self.endpoint, form, within), request, started)

    def close(self) -> None:
        """Refuse further calls."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSidecarTokenClient(SidecarClientBase):
    """The same for asyncio, with the names of `AsyncTokenClient`. Safe to share between tasks and loops."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client of the sidecar at `NAIS_TOKEN_ENDPOINT`. Raises ConfigError."""
        return cls(endpoint_in(environ))

    async def get(
        self,
        request: TokenRequest | str | Iterable[str] | None = None,
        *,
        deadline: float | None = None,
        force: bool = False,
    ) -> Token:
        """A token that is good now; see `SidecarTokenClient.get`."""
        wanted = self._wanted(request)
        held = None if force else self._fresh(wanted)
        if held is not None:
            return held
        within = self._timeout if deadline is None else deadline
        try:
            token = await self._ask(wanted, within, skip_cache=force)
            if not force and self._is_unwanted(wanted, token):
                token = await self._ask(wanted, within, skip_cache=True)
        except (Throttled, Unavailable):
            remaining = None if force else self.peek(wanted)
            if remaining is None:
                raise
            return remaining
        return self._keep(token)

    async def headers(self, request: TokenRequest | str | Iterable[str] | None = None) -> dict[str, str]:
        """The headers that put a token on one request. Raises what `get` does."""
        return {"Authorization": (await self.get(request)).authorization}

    async def _ask(self, request: TokenRequest, within: float, *, skip_cache: bool) -> Token:
        started = self._started()
        form = self._form(request, skip_cache=skip_cache)
        async with httpx2.AsyncClient(trust_env=False, verify=self.endpoint.startswith("https:")) as http:
            reply = await _asent(AsyncTransport(http), self.endpoint, form, within)
        return self._read(reply, request, started)

    async def aclose(self) -> None:
        """Refuse further calls."""
        self._closed = True

    close = aclose

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _sent(transport: Transport, url: str, form: Mapping[str, str], within: float) -> Reply:
    try:
        return transport.send("POST", url, form=form, within=within, max_bytes=MAX_RESPONSE)
    except Unreachable as error:
        raise Unavailable(f"sidecar: {error}") from None


async def _asent(transport: AsyncTransport, url: str, form: Mapping[str, str], within: float) -> Reply:
    try:
        return await transport.send("POST", url, form=form, within=within, max_bytes=MAX_RESPONSE)
    except Unreachable as error:
        raise Unavailable(f"sidecar: {error}") from None
