"""One POST to an endpoint that our own wire asks without ASGI: no scope, no messages, one task, one write."""

from __future__ import annotations

import asyncio
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import BODY_BYTES
from authserver.web.asgi import Answer
from authserver.web.form import judge_head
from authserver.web.wire import answer_bytes


class Endpoint(Protocol):
    """What answers a request by its whole body, or by what was to be refused before the body was read."""

    async def answer(self, body: bytes | Refusal) -> Answer:
        """Answer; raises nothing but the cancellation of its task."""


class Connection(Protocol):
    """What a request knows of its connection."""

    transport: asyncio.Transport
    flow: FlowControl
    server_state: ServerState
    loop: asyncio.AbstractEventLoop
    expect_100_continue: bool
    headers: list[tuple[bytes, bytes]]

    def on_response_complete(self) -> None:
        """Go on to the next request."""


class _NobodyWaits:
    """Stands where the library's protocol tells a request of ASGI that something has happened to it."""

    def set(self) -> None:
        """Tell nobody."""


class DirectExchange:
    """From a head to its answer. Has the members of the library's request that its protocol looks at.

    It begins when no earlier request of its connection is left to be answered. Only then does it write anything.
    """

    __slots__ = (
        "_begun",
        "_chunks",
        "_connection",
        "_endpoint",
        "_expects_continue",
        "_refused",
        "_size",
        "_task",
        "_whole",
        "disconnected",
        "keep_alive",
        "response_complete",
        "response_started",
    )
    message_event = _NobodyWaits()

    def __init__(self, connection: Connection, endpoint: Endpoint, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False
        self._connection = connection
        self._endpoint = endpoint
        self._expects_continue = connection.expect_100_continue
        self._chunks: list[bytes] = []
        self._size = 0
        self._begun = self._whole = False
        self._task: asyncio.Task[None] | None = None
        self._refused: Refusal | None = None
        try:
            judge_head("POST", connection.headers)
        except Refusal as refusal:
            self._refused = refusal

    def begin(self) -> None:
        """Its turn has come: ask for the body if the client waits for that, and answer as soon as that can be."""
        self._begun = True
        if self._expects_continue and self._refused is None and not self._connection.transport.is_closing():
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._answer_if_ready()

    def take(self, chunk: bytes) -> None:
        """Take a piece of the body, unless it is refused; a body that grows too large is."""
        if self._refused is not None:
            return
        self._size += len(chunk)
        if self._size > BODY_BYTES:
            self._refused = Refusal(Reason.BODY_SIZE)
            self._answer_if_ready()
        else:
            self._chunks.append(chunk)

    def end(self) -> None:
        """The body is whole."""
        self._whole = True
        self._answer_if_ready()

    def _answer_if_ready(self) -> None:
        if self._begun and self._task is None and (self._whole or self._refused is not None):
            self._task = self._connection.loop.create_task(self._answer())
            self._connection.server_state.tasks.add(self._task)

    async def _answer(self) -> None:
        connection = self._connection
        try:
            if connection.transport.is_closing():
                # Nothing is spent for a client that has gone already.
                return
            answer = await self._endpoint.answer(b"".join(self._chunks) if self._refused is None else self._refused)
            if connection.flow.write_paused and not self.disconnected:
                await connection.flow.drain()
            # A connection that is closing has got its last answer from whoever closes it.
            if not (self.disconnected or connection.transport.is_closing()):
                self._write(answer)
        finally:
            if self._task is not None:
                connection.server_state.tasks.discard(self._task)
            if not self.response_complete:
                connection.transport.close()

    def _write(self, answer: Answer) -> None:
        status, headers, body = answer
        connection = self._connection
        lines = (*connection.server_state.default_headers, *headers)
        connection.transport.write(answer_bytes(status, lines, body, close=not self.keep_alive))
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()
