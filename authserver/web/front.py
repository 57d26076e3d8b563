"""The front door: lean endpoints by exact path, everything else to the framework behind it."""

from __future__ import annotations

from collections.abc import Mapping

from authserver.web.asgi import App, Receive, Scope, Send


def front(lean: Mapping[str, App], rest: App) -> App:
    """Send a request to the lean endpoint at its path, or on. A trailing slash makes another path: no redirects."""

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        app = lean.get(scope["path"], rest) if scope["type"] == "http" else rest
        await app(scope, receive, send)

    return door
