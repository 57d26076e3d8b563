"""HTTP as this library needs it: one exchange, no redirects, a bounded body, a bounded time.

Without a client of the caller's, each exchange opens its own connection. Tokens and keys are fetched minutes apart, so
a pool would hold nothing, and there is nothing that could be tied to an event loop, shared over a fork or left open.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import Final

import httpx2

from tillit.core.authority import MAX_METADATA, Authority, Discovery
from tillit.core.response import Reply
from tillit.errors import MalformedResponse, TillitError, Unavailable
from tillit.route import Route
from tillit.version import __version__

_DIRECT: Final = Route()
_HEADERS: Final = {
    "User-Agent": f"tillit/{__version__}",
    "Accept": "application/json",
    # A compressed answer could be small on the wire and huge in memory.
    "Accept-Encoding": "identity",
}


class Unreachable(TillitError):
    """No complete answer came. The message names the kind of failure and never the request."""


class _Tls:
    def __init__(self, route: Route) -> None:
        self._route = route

    @cached_property
    def context(self) -> ssl.SSLContext:
        return self._route.context() or httpx2.create_ssl_context()

    def verify(self, url: str) -> ssl.SSLContext | None:
        return self.context if self._route.needs_tls or url.startswith("https:") else None


class Transport:
    """Sends requests with `client`, or with a connection of its own by `route` when that is None."""

    def __init__(self, client: httpx2.Client | None = None, route: Route = _DIRECT) -> None:
        self._client = client
        self._route = route
        self._tls = _Tls(route)

    def send(
        self,
        method: str,
        url: str,
        *,
        within: float,
        max_bytes: int,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One exchange in at most `within` seconds. Raises Unreachable."""
        stop = time.monotonic() + within
        try:
            with (
                self._borrowed(url) as client,
                client.stream(
                    method,
                    url,
                    data=form,
                    headers={**_HEADERS, **(headers or {})},
                    timeout=within,
                    follow_redirects=False,
                    auth=None,
                ) as response,
            ):
                body = bytearray()
                for chunk in response.iter_bytes():
                    _extend(body, chunk, max_bytes)
                    if time.monotonic() > stop:
                        raise Unreachable("the answer took too long")
                return _reply(response, body)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Unreachable(f"no answer: {type(error).__name__}") from None

    @contextmanager
    def _borrowed(self, url: str) -> Iterator[httpx2.Client]:
        if self._client is not None:
            yield self._client
        else:
            with self._route.client(self._tls.verify(url)) as client:
                yield client


class AsyncTransport:
    """The same, awaited."""

    def __init__(self, client: httpx2.AsyncClient | None = None, route: Route = _DIRECT) -> None:
        self._client = client
        self._route = route
        self._tls = _Tls(route)

    async def send(
        self,
        method: str,
        url: str,
        *,
        within: float,
        max_bytes: int,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One exchange in at most `within` seconds. Raises Unreachable."""
        try:
            async with (
                asyncio.timeout(within),
                self._borrowed(url) as client,
                client.stream(
                    method,
                    url,
                    data=form,
                    headers={**_HEADERS, **(headers or {})},
                    timeout=within,
                    follow_redirects=False,
                    auth=None,
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    _extend(body, chunk, max_bytes)
                return _reply(response, body)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Unreachable(f"no answer: {type(error).__name__}") from None

    @asynccontextmanager
    async def _borrowed(self, url: str) -> AsyncIterator[httpx2.AsyncClient]:
        if self._client is not None:
            yield self._client
        else:
            async with self._route.async_client(self._tls.verify(url)) as client:
                yield client


def _extend(body: bytearray, chunk: bytes, max_bytes: int) -> None:
    body.extend(chunk)
    if len(body) > max_bytes:
        raise Unreachable("the answer is too large")


def _reply(response: httpx2.Response, body: bytearray) -> Reply:
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))


def fetch_metadata(
    discovery: Discovery, *, http: httpx2.Client | None = None, transport: Transport | None = None, within: float
) -> Authority:
    """The authority that `discovery` leads to. Raises Unavailable or MalformedResponse."""
    try:
        reply = (transport or Transport(http)).send(
            "GET", discovery.metadata_url, within=within, max_bytes=MAX_METADATA
        )
    except Unreachable as error:
        raise Unavailable(f"metadata: {error}") from None
    return read_metadata(discovery, reply)


async def afetch_metadata(discovery: Discovery, *, transport: AsyncTransport, within: float) -> Authority:
    """The same, awaited."""
    try:
        reply = await transport.send("GET", discovery.metadata_url, within=within, max_bytes=MAX_METADATA)
    except Unreachable as error:
        raise Unavailable(f"metadata: {error}") from None
    return read_metadata(discovery, reply)


def read_metadata(discovery: Discovery, reply: Reply) -> Authority:
    """The authority that the answer describes. Raises Unavailable or MalformedResponse."""
    if reply.status >= 500 or reply.status in (408, 429):
        raise Unavailable(f"metadata: HTTP {reply.status}", status=reply.status)
    if reply.status != 200:
        raise MalformedResponse(f"metadata: HTTP {reply.status}", status=reply.status)
    return discovery.resolve(reply.body)
