"""The one place where a refusal becomes an answer (RFC 6749 §5.2).

The thrower chose the category; here are status, wording and headers. Whatever is not a refusal says nothing.
"""

from __future__ import annotations

import json

from authserver.oauth.errors import Reason, Refusal
from authserver.web.asgi import Headers

JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
NO_STORE: Headers = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]


def render(refusal: Refusal, trace_id: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body for a refusal. Nothing of the request is echoed."""
    body = json.dumps({"error": refusal.error, "error_description": description(refusal, trace_id)})
    headers = [JSON, *NO_STORE]
    if refusal.reason is Reason.METHOD:
        headers.append((b"allow", b"POST"))
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode("ascii")))
    return refusal.status, headers, body.encode("ascii")


def description(refusal: Refusal, trace_id: str) -> str:
    """The sentence a person reads, its code before it and the trace id behind it, where clients look for them."""
    return f"{refusal.code}: {refusal.sentence} (trace_id: {trace_id})"
