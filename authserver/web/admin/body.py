"""Request bodies of the admin API: bounded before they are read on, and strict JSON (RFC 8259 §4, §8.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from authserver.oauth.limits import BODY_BYTES, JSON_INTEGER
from authserver.web.asgi import App, Message, Receive, Scope, Send

_LONGEST_NUMBER: Final = 32


class Bounded:
    """Hands on requests whose whole body has arrived and fits; a larger one raises HTTPException 413 when read."""

    def __init__(self, app: App, most: int = BODY_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request over ASGI."""
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


class StrictRoute(APIRoute):
    """A route whose JSON has one meaning: no repeated member, no NaN, no number that readers would round."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Let the framework read the body through the strict reader."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return json.loads(
                (await self.body()).decode("utf-8"),
                object_pairs_hook=_members,
                parse_constant=_no_constant,
                parse_int=_integer,
            )
        except (ValueError, RecursionError):
            raise HTTPException(400) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _integer(literal: str) -> int:
    # The length first: converting a very long literal is itself expensive.
    if len(literal) > _LONGEST_NUMBER or abs(int(literal)) > JSON_INTEGER:
        raise ValueError("an integer is out of range")
    return int(literal)


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
