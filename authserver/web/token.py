"""`POST /token`: a bare ASGI callable, since this is the path that every call between agencies waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from authserver.oauth import request
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.request import TokenRequest
from authserver.web.asgi import App, Receive, Scope, Send, send_answer
from authserver.web.form import ClientGone, read_form
from authserver.web.render import JSON, NO_STORE, render

Exchange = Callable[[TokenRequest, str], Awaitable[dict[str, Any]]]
Observe = Callable[[str, str, BaseException | None], None]


def token_endpoint(exchange: Exchange, new_trace_id: Callable[[], str], observe: Observe) -> App:
    """Serve the token endpoint (RFC 6749 §3.2).

    `observe` is told the trace id, the outcome (`issued` or the dotted reason) and, for a fault of ours, what it was.
    """

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        trace_id = new_trace_id()
        try:
            form = await read_form(scope, receive)
            body = orjson.dumps(await exchange(request.parse(form), trace_id))
        except ClientGone:
            return
        except Refusal as refusal:
            observe(trace_id, refusal.reason.dotted, refusal.__cause__)
            await send_answer(send, *render(refusal, trace_id))
        except Exception as fault:  # noqa: BLE001 - the last door: an unknown fault is ours, and says nothing
            observe(trace_id, Reason.FAULT.dotted, fault)
            await send_answer(send, *render(Refusal(Reason.FAULT), trace_id))
        else:
            observe(trace_id, "issued", None)
            await send_answer(send, 200, [JSON, *NO_STORE], body)

    return endpoint
