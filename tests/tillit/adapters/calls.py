"""Requests to applications in this process, byte by byte, without a socket and without a client that tidies up."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.tillit.adapters.matrix import Case, Seen


def seen(status: int, headers: dict[str, str], body: bytes) -> Seen:
    """What an answer says."""
    document: Any = json.loads(body) if body.startswith(b"{") else {}
    inner = document.get("detail", document) if isinstance(document, dict) else {}
    code = inner.get("error") if isinstance(inner, dict) else None
    return Seen(status, headers.get("www-authenticate"), code, headers, body)


def asgi_scope(case: Case, path: bytes = b"/", **more: Any) -> dict[str, Any]:
    """The scope of an HTTP request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": case.method,
        "scheme": "https",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": case.query,
        "root_path": "",
        "headers": [(b"host", b"api.example.no"), *case.headers],
        "client": ("192.0.2.1", 40000),
        "server": ("api.example.no", 443),
        **more,
    }


async def asgi_messages(app: Any, scope: dict[str, Any], *inbox: dict[str, Any]) -> list[dict[str, Any]]:
    """What an ASGI application sends."""
    outbox: list[dict[str, Any]] = []
    waiting = list(inbox)

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError("nothing more comes")

    async def send(message: dict[str, Any]) -> None:
        outbox.append(message)

    await app(scope, receive, send)
    return outbox


def asgi_caller(app: Any, runner: asyncio.Runner, path: bytes = b"/", **more: Any) -> Callable[[Case], Seen]:
    """A caller of an ASGI application; `runner` is its event loop."""

    def call(case: Case) -> Seen:
        scope = asgi_scope(case, path, **more)
        body = {"type": "http.request", "body": case.body, "more_body": False}
        start, *rest = runner.run(asgi_messages(app, scope, body))
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
        return seen(start["status"], headers, b"".join(message.get("body", b"") for message in rest))

    return call


def wsgi_environ(case: Case, path: bytes = b"/", **more: Any) -> dict[str, Any]:
    """The environ of a request; headers that came twice are joined, as servers do."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": case.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "REQUEST_URI": path.decode("latin-1"),
        "QUERY_STRING": case.query.decode("latin-1"),
        "SERVER_NAME": "api.example.no",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example.no",
        "CONTENT_LENGTH": str(len(case.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(case.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in case.headers:
        key = name.decode().upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ | more


def wsgi_caller(app: Any, path: bytes = b"/", **more: Any) -> Callable[[Case], Seen]:
    """A caller of a WSGI application."""

    def call(case: Case) -> Seen:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            started[:] = [int(status.split(maxsplit=1)[0]), {name.lower(): value for name, value in headers}]

        body = app(wsgi_environ(case, path, **more), start_response)
        content = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        return seen(started[0], started[1], content)

    return call
