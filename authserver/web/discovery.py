"""What anyone may read: metadata (RFC 8414 §3) and our public keys (RFC 7517 §5), cacheable, with strong ETags."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from authserver.oauth.limits import JWKS_MAX_AGE, METADATA_MAX_AGE
from authserver.web.asgi import App, Headers, Receive, Scope, Send, send_answer


class Document(Protocol):
    """Bytes to be served, and a strong entity tag that names exactly these bytes (RFC 9110 §8.8.3)."""

    @property
    def body(self) -> bytes:
        """The representation."""

    @property
    def etag(self) -> str:
        """Its tag, quotes included."""


@dataclass(frozen=True, slots=True)
class _Fixed:
    body: bytes
    etag: str


def metadata_endpoint(value: dict[str, Any]) -> App:
    """Serve metadata, which does not change while we run."""
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    fixed = _Fixed(body, f'"{sha256(body).hexdigest()}"')
    return _serve(lambda: fixed, "application/json", METADATA_MAX_AGE)


def jwks_endpoint(current: Callable[[], Document]) -> App:
    """Serve the key set as it is now. A new key is announced for longer than caches may keep the set without it."""
    return _serve(current, "application/json", JWKS_MAX_AGE)


def _serve(current: Callable[[], Document], media_type: str, max_age: int) -> App:
    async def endpoint(scope: Scope, _: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await send_answer(send, 405, [(b"allow", b"GET, HEAD")], b"")
            return
        await send_document(scope, send, current(), media_type, max_age)

    return endpoint


async def send_document(scope: Scope, send: Send, served: Document, media_type: str, max_age: int) -> None:
    """Answer with a document that anyone may read and keep for `max_age` seconds, or that it is unchanged."""
    headers: Headers = [
        (b"content-type", media_type.encode("ascii")),
        (b"etag", served.etag.encode("ascii")),
        (b"cache-control", f"public, max-age={max_age}".encode("ascii")),
        (b"access-control-allow-origin", b"*"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if _unchanged(scope, served.etag):
        await send_answer(send, 304, headers[1:], b"")
        return
    await send_answer(send, 200, headers, served.body)


def _unchanged(scope: Scope, etag: str) -> bool:
    """RFC 9110 §13.1.2: a list of tags, or a star for any."""
    asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    known = {tag.strip().removeprefix(b"W/") for tag in asked.split(b",")}
    return not known.isdisjoint({etag.encode("ascii"), b"*"})
