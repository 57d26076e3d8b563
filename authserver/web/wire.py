"""One whole answer as the bytes of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus}


def answer_bytes(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, close: bool) -> bytes:
    """Write an answer; its length is added here, and `connection: close` if the connection ends after it."""
    lines = [_STATUS_LINES[status]]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"content-length: %d\r\n%b\r\n" % (len(body), b"connection: close\r\n" if close else b""))
    lines.append(body)
    return b"".join(lines)
