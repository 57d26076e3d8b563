"""One connection of the server's protocol over a transport in memory: what comes in and goes out, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from authserver.oauth.request import TokenRequest
from authserver.web.direct import Endpoint
from authserver.web.front import Front
from authserver.web.protocol import BoundedHttp
from authserver.web.token import TokenEndpoint

# An exchange takes a few turns of the loop; when nothing is seen in so many, nothing is left to be done.
_EXCHANGE_TURNS = 3
_TURNS = 5 * _EXCHANGE_TURNS


@dataclass(frozen=True)
class Seen:
    """What a client saw of its connection, and what it left behind in the server."""

    written: bytes
    closed: bool
    reading: bool
    tasks: int
    exchanged: tuple[str, ...]


class _Memory(asyncio.Transport):
    """Keeps what is written until it is closed, and loses the connection one turn after that, as a socket does."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True
        self._protocol = protocol

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def converse(pieces: Iterable[bytes], *, direct: bool, stop: bool = False) -> Seen:
    """Send pieces on a new connection, each when the server has done all it can; `direct` or over ASGI alone.

    With `stop`, the server is told to stop after the last piece.
    """
    exchanged: list[str] = []

    async def exchange(request: TokenRequest, _: str) -> dict[str, Any]:
        exchanged.append(request.assertion)
        for _turn in range(_EXCHANGE_TURNS):
            await asyncio.sleep(0)
        return {"access_token": request.assertion}

    endpoint = TokenEndpoint(exchange, lambda: "0" * 32, lambda *_: None)
    front = Front({"/token": endpoint}, _nothing, {b"/token": endpoint} if direct else {})
    state = ServerState()
    state.default_headers = [(b"date", b"now")]
    protocol = _protocol(front, front.direct, state)
    transport = _Memory(protocol)
    protocol.connection_made(transport)
    await _send(pieces, protocol, transport)
    if stop:
        protocol.shutdown()
    await _settle(transport)
    written, closed = transport.written, transport.closed
    reading = transport.reading and not closed
    transport.close()
    await _settle(transport)
    return Seen(written, closed, reading, len(state.tasks), tuple(exchanged))


async def _send(pieces: Iterable[bytes], protocol: BoundedHttp, transport: _Memory) -> None:
    for piece in pieces:
        if not transport.reading:
            await _settle(transport)
        if transport.closed or not transport.reading:
            return
        protocol.data_received(piece)
        await asyncio.sleep(0)


async def _settle(transport: _Memory) -> None:
    """Let the server go on for as long as it does anything that can be seen."""
    before = None
    while before != (now := (len(transport.written), transport.closed, transport.reading)):
        before = now
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def _protocol(front: Front, direct: Mapping[bytes, Endpoint], state: ServerState) -> BoundedHttp:
    config = uvicorn.Config(front, http=BoundedHttp, ws="none", lifespan="off", log_config=None, log_level="critical")
    return BoundedHttp(config, state, {}, direct=direct)


async def _nothing(scope: Any, _: Any, send: Any) -> None:
    """Stands for the rest of the server."""
    body = b"nothing at " + scope["raw_path"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
