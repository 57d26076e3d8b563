"""HTTP as this library needs it: one exchange, no redirects, a bounded body, a bounded time.

Without a client of the caller's, each exchange opens its own connection. Tokens and keys are fetched minutes apart, so
a pool would hold nothing, and there is nothing that could be tied to an event loop, shared over a fork or left open.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self

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
                _Deadline(within) as deadline,
                client.stream(
                    method,
                    url,
                    data=form,
                    headers={**_HEADERS, **(headers or {})},
                    timeout=within,
                    follow_redirects=False,
                    auth=None,
                    # A connection of the caller's may be carrying other answers too.
                    extensions={"trace": deadline.watch} if self._client is None else {},
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
            with self._route.client(url, self._tls.verify(url)) as client:
                yield client


class _Deadline:
    """Ends a connection that was opened under it once its time is over.

    The time-out of a read begins anew with each byte, so that who sends a byte a second is never too late for it.
    """

    def __init__(self, within: float) -> None:
        self._stop = time.monotonic() + within
        self._timer = threading.Timer(within, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None

    def watch(self, event: str, found: Mapping[str, Any]) -> None:
        """See the extension `trace` of httpx2."""
        # What comes before the name tells who opened it: a connection, or the tunnel of a proxy.
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = found["return_value"].get_extra_info("socket")
            if time.monotonic() >= self._stop:
                # The time was over while TLS began, when there was no socket that could be ended.
                self._end()

    def _end(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # That of the class beneath: an SSLSocket would also let go of what another thread is reading with.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        with suppress(RuntimeError):  # the interpreter is shutting down and starts no more threads
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()


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
            async with self._route.async_client(url, self._tls.verify(url)) as client:
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
