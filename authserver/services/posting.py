"""One message to an address that somebody else chose: public, looked up once, and never led elsewhere."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import h11

from authserver.registry.addresses import public

SECONDS: Final = 10.0
_ANSWER_BYTES: Final = 16 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotDeliveredError(Exception):
    """The message was not taken; the text says why, and nothing of what the other side answered but its status."""


class Post:
    """Posts messages over HTTP/1.1. The connection goes to the very address that was looked at.

    `anywhere` admits addresses of one's own network, which only `dev` may.
    """

    def __init__(self, *, anywhere: bool, resolve: Resolve | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._anywhere = anywhere
        self._resolve = resolve or addresses
        self._trust = trust or ssl.create_default_context()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post a message; any status of 200 to 299 takes it. Raises NotDeliveredError, after ten seconds at most."""
        try:
            async with asyncio.timeout(SECONDS):
                status = await self._post(url, headers, body)
        except TimeoutError:
            raise NotDeliveredError("no answer in time") from None
        except (OSError, h11.ProtocolError) as fault:
            raise NotDeliveredError(type(fault).__name__) from None
        if not 200 <= status < 300:
            raise NotDeliveredError(f"status {status}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        host, secure = str(parts.hostname), parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        address = await self._address(host, port)
        trust, name = (self._trust, host) if secure else (None, None)
        reader, writer = await asyncio.open_connection(address, port, ssl=trust, server_hostname=name)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            request = h11.Request(
                method="POST",
                target=target,
                headers=[
                    ("host", parts.netloc),
                    ("content-type", "application/json"),
                    ("content-length", str(len(body))),
                    ("user-agent", "authserver"),
                    ("connection", "close"),
                    *headers.items(),
                ],
            )
            return await _exchange(reader, writer, request, body)
        finally:
            writer.close()

    async def _address(self, host: str, port: int) -> str:
        found = await self._resolve(host, port)
        if not found:
            raise NotDeliveredError("the host has no address")
        if not self._anywhere and not all(map(public, found)):
            raise NotDeliveredError("the host leads to an address that is not public")
        return found[0]


async def addresses(host: str, port: int) -> Sequence[str]:
    """Look up the addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes
) -> int:
    """Send a request and return the status of its answer, of which only the head is read."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ANSWER_BYTES)
    for event in (request, h11.Data(body), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    await writer.drain()
    while True:
        answer = connection.next_event()
        if isinstance(answer, h11.Response):
            return answer.status_code
        if answer is h11.NEED_DATA:
            connection.receive_data(await reader.read(_ANSWER_BYTES))
        elif not isinstance(answer, h11.InformationalResponse):
            raise NotDeliveredError("the connection ended without an answer")
