"""From an HTTP request to a form: POST, the right content type, a bounded body, UTF-8 (RFC 6749 §3.2).

A reader of our own over the raw body, because framework form readers let multipart in, keep the last of two repeated
parameters, and answer faults in shapes that no OAuth client reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from authserver.oauth import limits
from authserver.oauth.errors import Reason, Refusal
from authserver.web.asgi import Receive, Scope

_FORM = b"application/x-www-form-urlencoded"
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SEVERAL = frozenset({b"content-length", b"content-type", b"host", b"transfer-encoding"})


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Read the whole body of a request whose head is in order. Raises Refusal, or ClientGone."""
    judge_head(scope["method"], scope["headers"])
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limits.BODY_BYTES:
            raise Refusal(Reason.BODY_SIZE)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def judge_head(method: str, raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a request by what comes before its body. Header names are lower case. Raises Refusal."""
    if method != "POST":
        raise Refusal(Reason.METHOD)
    headers = _single_headers(raw)
    if b"authorization" in headers:
        raise Refusal(Reason.SEVERAL_AUTHENTICATIONS, detail="an Authorization header")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(Reason.CONTENT_CODING)
    _judge_content_type(headers.get(b"content-type", b""))
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > len(str(limits.BODY_BYTES)) or int(declared) > limits.BODY_BYTES:
        raise Refusal(Reason.BODY_SIZE)


def parse_form(body: bytes) -> dict[str, tuple[str, ...]]:
    """Parse a whole body, every value of every parameter in order (RFC 6749 appendix B). Raises Refusal."""
    if not body:
        return {}
    fields = body.split(b"&", limits.FORM_PARAMETERS)
    if len(fields) > limits.FORM_PARAMETERS or not body.isascii():
        raise Refusal(Reason.FORM)
    form: dict[str, tuple[str, ...]] = {}
    for field in fields:
        name, equals, value = field.partition(b"=")
        if not equals:
            raise Refusal(Reason.FORM)
        key = _text(name)
        form[key] = (*form[key], _text(value)) if key in form else (_text(value),)
    return form


def _text(encoded: bytes) -> str:
    if b"%" not in encoded:
        return encoded.replace(b"+", b" ").decode("ascii")
    # The library leaves a broken escape as it stands.
    if _NO_ESCAPE.search(encoded):
        raise Refusal(Reason.FORM)
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Reason.FORM) from None


def _single_headers(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Refuse what two servers could frame differently (RFC 9112 §6.3): a repeated or contradicted length or host."""
    headers: dict[bytes, bytes] = {}
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
        if name in headers and name in _SEVERAL:
            raise Refusal(Reason.FRAMING)
        headers[name] = value
    if size > limits.HEADER_BLOCK_BYTES:
        raise Refusal(Reason.HEADERS_SIZE)
    if b"content-length" in headers and b"transfer-encoding" in headers:
        raise Refusal(Reason.FRAMING)
    if b"host" not in headers or headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise Refusal(Reason.FRAMING)
    return headers


def _judge_content_type(value: bytes) -> None:
    if value == _FORM:
        return
    media_type, _, parameters = value.partition(b";")
    parameter = parameters.strip().lower().replace(b'"', b"").replace(b" ", b"")
    if media_type.strip().lower() != _FORM or parameter not in (b"", b"charset=utf-8"):
        raise Refusal(Reason.CONTENT_TYPE)


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""
