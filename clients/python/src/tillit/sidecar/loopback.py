"""Who may speak to a sidecar: programs on this machine, and no web page that a browser here has open."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from tillit.core.loopback import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL: Final = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})


class LoopbackOnly:
    """ASGI middleware: refuses requests from or for another host than this machine, and those that a browser marks.

    A page whose name server answers 127.0.0.1 (DNS rebinding) sends its own name as Host; a page of any origin that
    posts here sends Origin, or Sec-Fetch-Site. `hosts` are further names under which the sidecar is meant; with
    `from_anywhere` the sender may be another machine.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = (), *, from_anywhere: bool = False) -> None:
        self._app = app
        self._hosts = _LOCAL | {host.lower().encode() for host in hosts}
        self._from_anywhere = from_anywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        near = self._from_anywhere or _is_near(scope.get("client"))
        if scope["type"] != "http" or (near and self._may(scope["headers"])):
            await self._app(scope, receive, send)
            return
        body = b'{"error":"forbidden","error_description":"not from a program on this machine"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _may(self, headers: list[tuple[bytes, bytes]]) -> bool:
        names = [name for name, _ in headers]
        if b"origin" in names or b"sec-fetch-site" in names:
            return False
        hosts = [value for name, value in headers if name == b"host"]
        return len(hosts) == 1 and _without_port(hosts[0].lower()) in self._hosts


def _is_near(client: tuple[str, int] | None) -> bool:
    # A socket of the file system has no address, and only processes of this machine reach it.
    return client is None or not client[0] or is_loopback(client[0])


def _without_port(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host
