"""`POST /token`: no framework, since this is the path that every call between agencies waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from authserver.oauth import request
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.request import TokenRequest
from authserver.web.asgi import Answer, Headers, Receive, Scope, Send, send_answer
from authserver.web.form import ClientGone, parse_form, read_body
from authserver.web.render import JSON, NO_STORE, render

Exchange = Callable[[TokenRequest, str], Awaitable[dict[str, Any]]]
Observe = Callable[[str, str, BaseException | None], None]

_ISSUED: Headers = [JSON, *NO_STORE]


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The token endpoint (RFC 6749 §3.2), over ASGI by being called, or from our own wire by `answer`.

    `observe` is told the trace id, the outcome (`issued` or the dotted reason) and, for a fault of ours, what it was.
    """

    exchange: Exchange
    new_trace_id: Callable[[], str]
    observe: Observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request over ASGI; a client that leaves before its request is whole is not answered."""
        try:
            body: bytes | Refusal = await read_body(scope, receive)
        except ClientGone:
            return
        except Refusal as refusal:
            body = refusal
        await send_answer(send, *await self.answer(body))

    async def answer(self, body: bytes | Refusal) -> Answer:
        """Answer a request by its whole body, or by what was to be refused before the body was read."""
        trace_id = self.new_trace_id()
        try:
            issued = orjson.dumps(await self.exchange(request.parse(_form(body)), trace_id))
        except Refusal as refusal:
            self.observe(trace_id, refusal.reason.dotted, refusal.__cause__)
            return render(refusal, trace_id)
        except Exception as fault:  # noqa: BLE001 - the last door: an unknown fault is ours, and says nothing
            self.observe(trace_id, Reason.FAULT.dotted, fault)
            return render(Refusal(Reason.FAULT), trace_id)
        self.observe(trace_id, "issued", None)
        return 200, _ISSUED, issued


def _form(body: bytes | Refusal) -> dict[str, tuple[str, ...]]:
    if isinstance(body, Refusal):
        raise body
    return parse_form(body)
