"""From an HTTP request to a form: POST, the right content type, a bounded body, UTF-8 (RFC 6749 §3.2).

The standard library's parser over the raw body, because framework form readers let multipart in, keep the last of
two repeated parameters, and answer faults in shapes that no OAuth client reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from authserver.oauth import limits
from authserver.oauth.errors import Reason, Refusal
from authserver.web.asgi import Receive, Scope

_FORM = b"application/x-www-form-urlencoded"
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEVERAL = frozenset({b"content-length", b"content-type", b"host", b"transfer-encoding"})


async def read_form(scope: Scope, receive: Receive) -> dict[str, tuple[str, ...]]:
    """Read a form, every value of every parameter in order. Raises Refusal."""
    if scope["method"] != "POST":
        raise Refusal(Reason.METHOD)
    headers = _single_headers(scope["headers"])
    if b"authorization" in headers:
        raise Refusal(Reason.SEVERAL_AUTHENTICATIONS, detail="an Authorization header")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(Reason.CONTENT_CODING)
    _judge_content_type(headers.get(b"content-type", b""))
    return _parse(await _body(headers, receive))


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
    media_type, _, parameters = value.partition(b";")
    parameter = parameters.strip().lower().replace(b'"', b"").replace(b" ", b"")
    if media_type.strip().lower() != _FORM or parameter not in (b"", b"charset=utf-8"):
        raise Refusal(Reason.CONTENT_TYPE)


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > len(str(limits.BODY_BYTES)) or int(declared) > limits.BODY_BYTES:
        raise Refusal(Reason.BODY_SIZE)
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


def _parse(body: bytes) -> dict[str, tuple[str, ...]]:
    try:
        text = body.decode("ascii")
        # The library leaves a broken escape as it stands.
        if _NO_ESCAPE.search(text):
            raise Refusal(Reason.FORM)
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=limits.FORM_PARAMETERS,
        )
    except ValueError:
        raise Refusal(Reason.FORM) from None
    form: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        form[name] = (*form.get(name, ()), value)
    return form


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""
