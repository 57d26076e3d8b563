"""The front door: lean endpoints by exact path, everything else to the framework behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from authserver.web.asgi import App, Receive, Scope, Send
from authserver.web.direct import Endpoint


@dataclass(frozen=True, slots=True)
class Front:
    """Sends a request to the lean endpoint at its path, or on. A trailing slash makes another path: no redirects.

    `direct` names the endpoints that our own wire may ask without ASGI, by the exact target of a POST. They are in
    `lean` too, for every other method and for targets that are written differently.
    """

    lean: Mapping[str, App]
    rest: App
    direct: Mapping[bytes, Endpoint]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request over ASGI."""
        app = self.lean.get(scope["path"], self.rest) if scope["type"] == "http" else self.rest
        await app(scope, receive, send)
