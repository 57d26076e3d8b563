"""A token request is answered without ASGI as over ASGI, byte for byte, whatever comes and however it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.oauth.errors import Refusal
from authserver.oauth.limits import BODY_BYTES, FORM_PARAMETERS, HEADER_BLOCK_BYTES
from authserver.web.form import parse_form
from tests.support.http import FORM
from tests.support.registrar import JWT_BEARER
from tests.web.wired import Seen, converse

BODY = urlencode({"grant_type": JWT_BEARER, "assertion": "a.b.c"}).encode()
HEAD = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*lines: bytes, body: bytes = BODY, head: bytes = HEAD) -> bytes:
    """A request with a length, and with further header lines."""
    return head + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


GOOD = {
    "a length": post(),
    "chunks": HEAD + CHUNKED + chunks(BODY[:7], BODY[7:]),
    "trailers": HEAD + CHUNKED + chunks(BODY, trailers=b"Authorization: Basic eDp5\r\nContent-Length: 4\r\n"),
    "upgrade": post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"),
    "waiting": post(b"Expect: 100-continue"),
    "close": post(b"Connection: close"),
    "1.0": post(head=HEAD.replace(b"1.1", b"1.0")),
    "1.0 kept alive": post(b"Connection: keep-alive", head=HEAD.replace(b"1.1", b"1.0")),
    "absolute": post(head=HEAD.replace(b"/token", b"http://evil.example/token")),
    "query": post(head=HEAD.replace(b"/token", b"/token?a=b")),
    "escaped": post(head=HEAD.replace(b"/token", b"/%74oken")),
    "charset": post(head=HEAD.replace(b"\r\nHost", b"; charset=UTF-8\r\nHost")),
    "another": GET,
}
HOSTILE = {
    "method": post(head=HEAD.replace(b"POST", b"PUT")),
    "lower case": post(head=HEAD.replace(b"POST", b"post")),
    "connect": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "connect token": b"CONNECT /token HTTP/1.1\r\nHost: x\r\n\r\n",
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": post(head=HEAD.replace(b"Host: x\r\n", b"")),
    "two hosts": post(b"Host: y"),
    "two types": post(b"Content-Type: text/plain"),
    "type": post(head=HEAD.replace(FORM.encode(), b"text/plain")),
    "authorization": post(b"Authorization: Basic eDp5"),
    "coding": post(b"Content-Encoding: gzip"),
    "waiting for a refusal": post(b"Expect: 100-continue", b"Content-Encoding: gzip"),
    "length and chunks": HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\na=bcde",
    "a list of lengths": HEAD + b"Content-Length: 5, 5\r\n\r\na=bcd",
    "signed length": HEAD + b"Content-Length: +5\r\n\r\na=bcd",
    "obscured coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding of coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "space before colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": post().replace(b"\r\n", b"\n"),
    "folded": post(b"X: a\r\n Authorization: Basic eDp5"),
    "broken chunk": HEAD + CHUNKED + b"2\r\na=bZZ\r\n0\r\n\r\n",
    "broken chunk of a refusal": HEAD.replace(FORM.encode(), b"text/plain") + CHUNKED + b"zz\r\na\r\n0\r\n\r\n",
    "no size": HEAD + CHUNKED + b"\r\na=b\r\n0\r\n\r\n",
    "overflow": HEAD + CHUNKED + b"ffffffffffffffffff\r\na",
    "nul": post(b"X: a\0b"),
    "broken form": post(body=b"a=%"),
    "garbage": post() + b"\0garbage\r\n\r\n",
    "inner request": post(head=HEAD.replace(FORM.encode(), b"text/plain"), body=post()),
    "half a head": HEAD,
    "half a body": post()[:-3],
}
LARGE = {
    "body": post(body=b"a" * (BODY_BYTES + 1)),
    "largest body": post(body=b"a=" + b"b" * (BODY_BYTES - 2)),
    "chunks": HEAD + CHUNKED + chunks(*[b"a" * 10_000] * 8),
    "unwanted": post(body=b"a" * (20 * BODY_BYTES)),
    "head": post(b"X: " + b"a" * HEADER_BLOCK_BYTES),
    "endless head": post(b"X: " + b"a" * 4 * HEADER_BLOCK_BYTES),
    "endless extension": HEAD + CHUNKED + b"1;x=" + b"a" * 4 * HEADER_BLOCK_BYTES,
    "endless trailers": HEAD + CHUNKED + b"0\r\n" + b"X: aaaa\r\n" * HEADER_BLOCK_BYTES,
    "many": post() * 500,
}


def both(pieces: Sequence[bytes], *, stop: bool = False) -> Seen:
    """Have the same conversation twice, hold the two to be the same, and return it."""

    async def twice() -> tuple[Seen, Seen]:
        return await converse(pieces, direct=True, stop=stop), await converse(pieces, direct=False, stop=stop)

    direct, asgi = asyncio.run(twice())
    assert direct == asgi
    return direct


def split(data: bytes, size: int) -> list[bytes]:
    """Cut data into pieces of one size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("stream", [*GOOD.values(), *HOSTILE.values()], ids=[*GOOD, *HOSTILE])
@pytest.mark.parametrize("after", [b"", post(), GET], ids=["alone", "then a token request", "then another"])
def test_a_stream_is_answered_alike_whole_and_byte_by_byte(stream: bytes, after: bytes) -> None:
    """Answers, their order, what is exchanged and whether the connection lives on do not depend on the way."""
    for size in (len(stream + after), 1, 7):
        both(split(stream + after, size))


@pytest.mark.parametrize("name", ["chunks", "upgrade", "waiting"])
def test_a_stream_is_answered_alike_cut_anywhere(name: str) -> None:
    """Two requests in two pieces, for every place to cut them."""
    stream = GOOD[name] + post(b"Connection: close")
    for place in range(1, len(stream)):
        assert both([stream[:place], stream[place:]]).exchanged == ("a.b.c", "a.b.c")


@pytest.mark.parametrize("stream", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("size", [1_000, 65_536, 262_144])
def test_what_is_too_large_meets_the_same_bounds(stream: bytes, size: int) -> None:
    """Bodies, heads, extensions, trailers and pipelines end at the same byte."""
    both(split(stream + post(), size))


@pytest.mark.parametrize("stream", [*GOOD.values(), post() + post(), post() + HEAD, HEAD, b""])
def test_a_server_that_stops_ends_its_connections_alike(stream: bytes) -> None:
    """What has begun is answered, and told that it was the last."""
    both([stream] if stream else [], stop=True)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    streams=st.lists(st.sampled_from([*GOOD.values(), *HOSTILE.values()]), min_size=1, max_size=4),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3)), max_size=3),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_any_pipeline_is_answered_alike(
    streams: list[bytes], flips: list[tuple[float, bytes]], cuts: list[float]
) -> None:
    """Requests in any order, with bytes replaced anywhere, cut anywhere."""
    data = b"".join(streams)
    for place, put in flips:
        start = int(place * len(data))
        data = data[:start] + put + data[start + 1 :]
    places = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    both([data[start:end] for start, end in pairwise(places)])


def test_each_request_of_a_pipeline_gets_its_own_answer() -> None:
    """Whether with or without ASGI, answers come in the order of their requests."""
    seen = both([post() + GET + post(body=b"") + post(b"Connection: close") + post()])
    statuses = [answer[1:4] for answer in seen.written.split(b"HTTP/1.1")[1:]]
    assert statuses == [b"200", b"404", b"400", b"200"]
    assert (seen.closed, seen.tasks, len(seen.exchanged)) == (True, 0, 2)


FIELD = st.text(st.sampled_from("aZ0%&=+;:\0 2fF"), max_size=8) | st.text(max_size=4)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(body=st.lists(FIELD, max_size=FORM_PARAMETERS + 2).map("&".join).map(str.encode) | st.binary(max_size=60))
def test_a_form_is_what_the_standard_library_reads(body: bytes) -> None:
    """Our reader accepts and returns what `urllib` does, less its leniency towards broken escapes."""
    assert ours(body) == oracle(body)


def ours(body: bytes) -> dict[str, tuple[str, ...]] | None:
    """What our reader reads, or nothing if it refuses."""
    try:
        return parse_form(body)
    except Refusal:
        return None


def oracle(body: bytes) -> dict[str, tuple[str, ...]] | None:
    """What the standard library reads, or nothing if it refuses or would keep a broken escape."""
    broken = any(not is_hex(part[:2]) for part in body.split(b"%")[1:])
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=FORM_PARAMETERS,
        )
    except ValueError:
        return None
    names = dict.fromkeys(name for name, _ in pairs)
    return None if broken else {name: tuple(value for found, value in pairs if found == name) for name in names}


def is_hex(digits: bytes) -> bool:
    """Tell whether these are two hex digits."""
    return len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits)
