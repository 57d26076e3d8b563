"""How HTTP clients reach a light authority without a network, and over loopback where there is no other way."""

from __future__ import annotations

import http.server
import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel

from tillit.clock import Clock
from tillit.testing.clock import ManualClock
from tillit.testing.forms import Request
from tillit.testing.refusals import Answer
from tillit.testing.scenarios import Dropped, Outcome

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

_FOREVER: Final = float("inf")


class TooSlow(Exception):
    """The answer would come after the caller has given up."""


class Host(Protocol):
    """What a transport carries requests to."""

    @property
    def issuer(self) -> str:
        """The issuer; a transport reaches its host alone."""
        ...

    @property
    def clock(self) -> Clock:
        """Where delays are spent, if it is a manual one."""
        ...

    def outcome(self, request: Request) -> Outcome:
        """What comes of a request."""
        ...


def respond(host: Host, request: Request, within: float = _FOREVER) -> Answer:
    """The answer to a request, in at most `within` seconds. Raises Dropped or TooSlow."""
    outcome = host.outcome(request)
    wait = min(outcome.delay, within)
    if isinstance(host.clock, ManualClock):
        host.clock.advance(wait)
    elif wait:
        time.sleep(wait)
    return _landed(outcome, within)


async def arespond(host: Host, request: Request, within: float = _FOREVER) -> Answer:
    """The same, awaited, on asyncio or Trio."""
    outcome = host.outcome(request)
    wait = min(outcome.delay, within)
    if isinstance(host.clock, ManualClock):
        host.clock.advance(wait)
        await anyio.lowlevel.checkpoint()
    else:
        await anyio.sleep(wait)
    return _landed(outcome, within)


def _landed(outcome: Outcome, within: float) -> Answer:
    if outcome.delay > within:
        raise TooSlow
    if outcome.answer is None:
        raise Dropped
    return outcome.answer


def make_transport(host: Host, library: Any) -> Any:
    """A transport for clients of `library`, which is httpx2 or one that has its names, such as httpx."""

    def read(request: Any) -> tuple[Request, float]:
        if request.url.host != urlsplit(host.issuer).hostname:
            raise library.ConnectError(f"no network here: {request.url.host} is not the authority", request=request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        timeouts = request.extensions.get("timeout") or {}
        within = timeouts.get("read")
        path = request.url.raw_path.decode("ascii")
        return Request(request.method, path, headers, request.content), _FOREVER if within is None else within

    def write(request: Any, answer: Callable[[], Answer]) -> Any:
        try:
            found = answer()
        except Dropped:
            raise library.RemoteProtocolError("the authority hung up", request=request) from None
        except TooSlow:
            raise library.ReadTimeout("the authority did not answer in time", request=request) from None
        return library.Response(found.status, headers=dict(found.headers), content=found.body, request=request)

    class Transport(library.BaseTransport, library.AsyncBaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            request.read()
            sent, within = read(request)
            return write(request, lambda: respond(host, sent, within))

        async def handle_async_request(self, request: Any) -> Any:
            await request.aread()
            sent, within = read(request)
            try:
                answer = await arespond(host, sent, within)
            except (Dropped, TooSlow) as fault:
                return write(request, _raiser(fault))
            return write(request, lambda: answer)

    return Transport()


def _raiser(fault: Exception) -> Callable[[], Answer]:
    def raise_it() -> Answer:
        raise fault

    return raise_it


def make_requests_adapter(host: Host) -> BaseAdapter:
    """An adapter to mount on a `requests.Session` at the issuer. Raises ImportError without requests."""
    import requests  # noqa: PLC0415 - only for those who have it
    from requests.adapters import BaseAdapter  # noqa: PLC0415

    class Adapter(BaseAdapter):
        def send(self, request: Any, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
            body = request.body or b""
            headers = {name.lower(): value for name, value in request.headers.items()}
            within = timeout[1] if isinstance(timeout, tuple) else timeout
            sent = Request(request.method, request.path_url, headers, body.encode() if isinstance(body, str) else body)
            try:
                return self._response(request, respond(host, sent, _FOREVER if within is None else within))
            except Dropped:
                raise requests.ConnectionError("the authority hung up", request=request) from None
            except TooSlow:
                raise requests.ReadTimeout("the authority did not answer in time", request=request) from None

        def _response(self, request: Any, answer: Answer) -> requests.Response:
            response = requests.Response()
            response.status_code, response.url, response.request = answer.status, request.url, request
            response.headers.update(answer.headers)
            response.raw = io.BytesIO(answer.body)
            response.encoding = "utf-8"
            return response

        def close(self) -> None:
            return

    return Adapter()


async def serve_asgi(host: Host, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """One ASGI HTTP request. A dropped connection is told as an exception, for ASGI has no other word."""
    if scope["type"] != "http":
        raise RuntimeError("the authority speaks HTTP alone")
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    answer = await arespond(host, Request(scope["method"], scope["path"], headers, bytes(body)))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


@contextmanager
def listening(host: Host) -> Iterator[int]:
    """Serve on a free loopback port, which is yielded, in threads, until the block ends."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(host))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_ports() -> tuple[int, int]:
    """Two ports of loopback that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _handler(host: Host) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_PUT(self) -> None:
            self.do_POST()

        def _answer(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                answer = respond(host, Request(self.command, self.path, headers, body))
            except Dropped:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in _with_length(answer):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

    return Handler


def _with_length(answer: Answer) -> Iterable[tuple[str, str]]:
    yield from answer.headers.items()
    if answer.status != 304:
        yield "content-length", str(len(answer.body))
