"""`GET /status-lists/{number}`: whether delegations that were proved to somebody still hold, for anyone to read."""

from __future__ import annotations

import re
from typing import Final, Protocol

from authserver.oauth.status_list import MEDIA_TYPE
from authserver.oauth.unavailable import Unavailable
from authserver.web.asgi import App, Receive, Scope, Send, send_answer
from authserver.web.discovery import Document, send_document

MAX_AGE: Final = 30
_PREFIX: Final = "/status-lists/"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_RETRY: Final = (b"retry-after", b"1")


class StatusLists(Protocol):
    """What publishes the lists."""

    async def current(self, number: int) -> Document | None:
        """Return a list as it is now, None if there is no such list. Raises Unavailable."""


def listing(lists: StatusLists, rest: App) -> App:
    """Serve the status lists at their paths, and leave every other to `rest`."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await rest(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await send_answer(send, 405, [(b"allow", b"GET, HEAD")], b"")
        else:
            await _answer(lists, scope, send)

    return endpoint


async def _answer(lists: StatusLists, scope: Scope, send: Send) -> None:
    number = scope["path"].removeprefix(_PREFIX)
    try:
        found = await lists.current(int(number)) if _NUMBER.fullmatch(number) else None
    except Unavailable:
        await send_answer(send, 503, [_RETRY], b"")
        return
    if found is None:
        await send_answer(send, 404, [], b"")
    else:
        await send_document(scope, send, found, MEDIA_TYPE, MAX_AGE)
