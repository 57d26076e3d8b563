"""A fault of ours: the caller learns nothing but where the operator finds the cause."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from authserver.oauth.errors import Refusal
from authserver.oauth.request import TokenRequest
from authserver.web.token import TokenEndpoint
from tests.support.http import FORM, Answer
from tests.support.registrar import JWT_BEARER

TRACE = "0123456789abcdef" * 2
SECRET = "password of the database"


@pytest.mark.parametrize("fault", [RuntimeError(SECRET), KeyError(SECRET), RecursionError(SECRET), MemoryError(SECRET)])
async def test_an_unknown_fault_says_nothing(fault: Exception) -> None:
    """Whatever falls through is 500 in JSON with a trace id, and is told to the operator in full."""
    observed: list[tuple[str, str, BaseException | None]] = []

    async def exchange(_: TokenRequest, __: str) -> dict[str, Any]:
        raise fault

    answer = await post(TokenEndpoint(exchange, lambda: TRACE, lambda *told: observed.append(told)))
    assert answer.refusal == (500, "server_error", "AS-500")
    assert answer.trace_id == TRACE
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET.encode() not in answer.body
    assert observed == [(TRACE, "fault", fault)]


async def test_a_client_that_leaves_gets_no_answer() -> None:
    """Nobody is answered, and nothing is exchanged, when the connection closes before the request is whole."""

    async def exchange(_: TokenRequest, __: str) -> dict[str, Any]:
        raise Refusal(None)  # type: ignore[arg-type]

    assert await post(TokenEndpoint(exchange, lambda: TRACE, lambda *_: None), gone=True) == Answer(0, {}, b"")


async def post(endpoint: Any, *, gone: bool = False) -> Answer:
    """Hand a token request to an endpoint as the server does, and return what it sends."""
    form = urlencode({"grant_type": JWT_BEARER, "assertion": "e30.e30.e30"}).encode()
    headers = [(b"host", b"x"), (b"content-type", FORM.encode()), (b"content-length", str(len(form)).encode())]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"} if gone else {"type": "http.request", "body": form}

    async def send(message: Any) -> None:
        sent.append(message)

    await endpoint({"type": "http", "method": "POST", "path": "/token", "headers": headers}, receive, send)
    if not sent:
        return Answer(0, {}, b"")
    start, body = sent
    return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"])
