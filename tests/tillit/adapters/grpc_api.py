"""A gRPC service on loopback, with all four kinds of methods, and a caller that sees it in the terms of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from tests.tillit.adapters.matrix import Case, Seen
from tillit.grpc import current_access_token

_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAVAILABLE: 503,
}


def _who() -> bytes:
    token = current_access_token()
    return b"nobody" if token is None else token.consumer.number.encode()


def handlers() -> Any:
    """Each method answers who calls."""

    def one(_request: Any, _context: Any) -> bytes:
        return _who()

    def many(_request: Any, _context: Any) -> Any:
        yield _who()
        yield _who()

    methods = {
        "One": grpc.unary_unary_rpc_method_handler(one),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Sent": grpc.stream_unary_rpc_method_handler(one),
        "Both": grpc.stream_stream_rpc_method_handler(many),
    }
    return grpc.method_handlers_generic_handler("t.Api", methods)


def aio_handlers() -> Any:
    """The same, awaited."""

    async def one(_request: Any, _context: Any) -> bytes:
        return _who()

    async def many(_request: Any, _context: Any) -> Any:
        yield _who()
        yield _who()

    methods = {
        "One": grpc.unary_unary_rpc_method_handler(one),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Sent": grpc.stream_unary_rpc_method_handler(one),
        "Both": grpc.stream_stream_rpc_method_handler(many),
    }
    return grpc.method_handlers_generic_handler("t.Api", methods)


def pool() -> ThreadPoolExecutor:
    """Threads of a server."""
    return ThreadPoolExecutor(4)


def metadata_of(case: Case) -> list[tuple[str, str]]:
    """The headers of a case as metadata."""
    return [(name.decode(), value.decode("ascii")) for name, value in case.headers if name != b"content-type"]


def caller(channel: Any, method: str = "/t.Api/One") -> Callable[[Case], Seen]:
    """A caller of one method."""

    def call(case: Case) -> Seen:
        try:
            body = channel.unary_unary(method)(b"", metadata=metadata_of(case), timeout=10)
        except grpc.RpcError as error:
            status = _STATUS[error.code()]
            code, _, _ = error.details().partition(":")
            # What HTTP calls a bad request, gRPC has no code for but this one.
            status = 400 if code == "invalid_request" else status
            trailers = {name: str(value) for name, value in error.trailing_metadata()}
            return Seen(status, trailers.get("www-authenticate"), code, trailers, error.details().encode())
        return Seen(200, None, None, {}, body)

    return call
