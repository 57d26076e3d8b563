"""HTTP/1.1 on the wire, with the bounds that the server library leaves open (RFC 9112, P8).

A request head may not grow without end, a request may not take for ever to arrive, and what is not HTTP is answered in
the same form as every other refusal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import BODY_BYTES, HEADER_BLOCK_BYTES, REQUEST_SECONDS
from authserver.web.direct import DirectExchange, Endpoint
from authserver.web.render import render
from authserver.web.wire import answer_bytes

# A head this long is cut off unread; up to it, the endpoint refuses with its own answer.
_FRAMING_BYTES = 2 * HEADER_BLOCK_BYTES
# Of a body that was refused unread, so much is still taken: most clients write it all before they read the answer.
_UNWANTED_BYTES = 16 * BODY_BYTES


class BoundedHttp(HttpToolsProtocol):
    """One connection. `HEADER_BLOCK_BYTES` bounds its request heads, `REQUEST_SECONDS` the arrival of each request.

    The library's protocol serves ASGI and keeps the order of requests; a POST to a target in `direct` takes its place
    in that order without ASGI. Timers are set only for what does not end with the data that began it.
    """

    def __init__(self, *args: Any, direct: Mapping[bytes, Endpoint], **options: Any) -> None:
        super().__init__(*args, **options)
        self._direct = direct
        # The request being read, if it goes without ASGI.
        self._exchange: DirectExchange | None = None
        self._framing_bytes = 0
        self._unwanted_bytes = 0
        self._begun = False
        self._in_head = True
        self._arriving = True
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the connection."""
        self._stop_waiting()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much has come that is no body: a head, chunk extensions, a trailer section."""
        self._framing_bytes += len(data)
        self._idle_since = None
        self._feed(data)
        if self._arriving:
            if self._framing_bytes > _FRAMING_BYTES:
                self._cut_off(Refusal(Reason.HEADERS_SIZE))
            elif self._timer is None:
                self._expect_request()

    def on_message_begin(self) -> None:
        """A new request begins: its head and its time are counted anew."""
        self._begun = self._in_head = self._arriving = True
        self._framing_bytes = self._unwanted_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop a trailer, which may not pass for one (RFC 9110 §6.5.1)."""
        if not self._in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole; what follows is the body, which the endpoint bounds. A tunnel is no request of ours."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError
        if not self.parser.should_upgrade():
            endpoint = self._direct.get(self.url) if method == b"POST" else None
            if endpoint is None:
                self._begin_asgi()
            else:
                self._begin_direct(endpoint)
        self._in_head = False
        self._framing_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Hand the body on; what comes after the answer is dropped, and not for ever."""
        self._framing_bytes = 0
        if self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > _UNWANTED_BYTES:
                self.transport.close()
        elif self._exchange is not None:
            self._exchange.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; its answer may take the time it needs."""
        if self.parser.should_upgrade():
            return
        self._begun = False
        self._stop_waiting()
        if self._exchange is not None:
            self._exchange.end()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_if_idle)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the library's words are not shown
        """Answer what is not HTTP as every refusal is answered."""
        self._cut_off(Refusal(Reason.FRAMING))

    def _feed(self, data: bytes) -> None:
        """Parse what has come, declining every wish to upgrade in it."""
        rest: bytes | memoryview = data
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    rest = memoryview(rest)[upgrade.args[0] :]
                    self._decline_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("")

    def _decline_upgrade(self) -> None:
        """Read the request as if it had not asked to upgrade (RFC 9110 §7.8).

        Java's own client asks for HTTP/2 with every request over plain HTTP. The parser stops at such a head and takes
        the body for the other protocol's, so a new parser reads the head again, without its wish.
        """
        version = self.parser.get_http_version().encode("ascii")
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _begin_asgi(self) -> None:
        """Let the library begin the request; it raises for a target that is no URL, which is a fault of the head."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        self._exchange = None
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _begin_direct(self, endpoint: Endpoint) -> None:
        earlier: RequestResponseCycle | None = self.cycle
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self._exchange = DirectExchange(self, endpoint, keep_alive=keep_alive)
        self.cycle = self._exchange  # type: ignore[assignment]
        if earlier is None or earlier.response_complete:
            self._exchange.begin()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: RequestResponseCycle | DirectExchange, app: ASGI3Application) -> None:
        if isinstance(cycle, DirectExchange):
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def _look_if_idle(self) -> None:
        """Close a connection that has waited for its next request for too long; look again when it may have."""
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._look_if_idle)
        else:
            self.transport.close()

    def _expect_request(self) -> None:
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        self._arriving = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Close a connection on which no whole request arrived in time; one that never began is closed silently."""
        self._timer = None
        if self._begun:
            self._cut_off(Refusal(Reason.TIMEOUT))
        else:
            self.transport.close()

    def _cut_off(self, refusal: Refusal) -> None:
        """End the connection, with an answer to the request at fault if no other answer could be taken for it."""
        self._stop_waiting()
        if self._in_head and self.cycle is not None and not self.cycle.response_complete:
            # An earlier request is still to be answered: that one closes the connection, and nothing more is read.
            self.cycle.keep_alive = False
            self.transport.pause_reading()
            return
        answered = not self._in_head and self.cycle.response_started
        if not (answered or self.pipeline or self.transport.is_closing()):
            self._refuse(refusal)
        self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        status, headers, body = render(refusal, "0" * 32)
        self.transport.write(answer_bytes(status, headers, body, close=True))
