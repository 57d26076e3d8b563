"""Requests that get no token, made from requests that would, one kind for each place where they fail."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.assertions import Key, signer

Changed = tuple[dict[str, Any], dict[str, Any], str]
Change = Callable[[dict[str, Any], dict[str, Any], str, int], Changed]

Make = Callable[[Sequence[bytes], Key], Sequence[bytes]]

_CHAIN = "A" * 14_000


@dataclass(frozen=True, slots=True)
class Kind:
    """How requests of a kind are made, what answers them, and whether they may be sent again and again."""

    requests: Make
    status: int = 400
    again: bool = False


def _changed(change: Change) -> Make:
    """Make each request anew with another header, claims or signature."""

    def make(requests: Sequence[bytes], _: Key) -> list[bytes]:
        return [_rebuilt(request, change, number) for number, request in enumerate(requests)]

    return make


def _under_the_largest_header(requests: Sequence[bytes], key: Key) -> list[bytes]:
    """Sign each request anew under a header as large as any."""
    sign = signer(key)

    def change(header: dict[str, Any], claims: dict[str, Any], _: str, __: int) -> Changed:
        new = header | {"x5c": [_CHAIN]}
        signature = sign(f"{_segment(new)}.{_segment(claims)}".encode())
        return new, claims, urlsafe_b64encode(signature).rstrip(b"=").decode()

    return [_rebuilt(request, change, number) for number, request in enumerate(requests)]


def _rebuilt(request: bytes, change: Change, number: int) -> bytes:
    form, _, assertion = request.partition(b"\r\n\r\n")[2].partition(b"assertion=")
    header, claims, signature = assertion.decode().split(".")
    new_header, new_claims, new_signature = change(_object(header), _object(claims), signature, number)
    new = ".".join([_segment(new_header), _segment(new_claims), new_signature])
    return with_body(request, form + b"assertion=" + new.encode())


def with_body(request: bytes, body: bytes) -> bytes:
    """The request with another body."""
    head = request.partition(b"\r\n\r\n")[0].rpartition(b"\r\n")[0]
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _object(segment: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return decoded


def _segment(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


KINDS: dict[str, Kind] = {
    "a token": Kind(lambda requests, _: requests, 200),
    "a token under the largest header": Kind(_under_the_largest_header, 200),
    "a bad signature": Kind(_changed(lambda h, c, s, n: (h, c | {"jti": f"forged-{n}"}, s)), again=True),
    "a bad signature under the largest claims": Kind(
        _changed(lambda h, c, s, n: (h, c | {"jti": f"forged-{n}", "scope": "a" * 5000}, s)), again=True
    ),
    "a bad signature under the largest header": Kind(
        _changed(lambda h, c, s, n: (h | {"x5c": [_CHAIN]}, c | {"jti": f"forged-{n}"}, s)), again=True
    ),
    "an unknown key": Kind(_changed(lambda h, c, s, n: (h | {"kid": f"unknown-{n}"}, c, s)), again=True),
    "an unknown client, ever another": Kind(_changed(lambda h, c, s, n: (h, c | {"iss": f"nobody-{n}"}, s))),
    "an algorithm that is not allowed": Kind(_changed(lambda h, c, s, _: (h | {"alg": "HS256"}, c, s)), again=True),
    "no assertion at all": Kind(_changed(lambda h, c, _s, _n: (h, c, "?")), again=True),
    "the largest body, refused as a form": Kind(
        lambda requests, _: [with_body(requests[0], b"a=" + b"b" * 65_000)] * 64, again=True
    ),
}
