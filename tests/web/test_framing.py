"""HTTP on the wire: what two servers could read differently is refused, what does not end is cut off."""

from __future__ import annotations

import socket
from urllib.parse import urlencode

import pytest

from tests.support.authority import Authority
from tests.support.http import FORM, SECONDS, broken_promises, raw, read_answers
from tests.support.registrar import RegisteredClient
from tests.web.conftest import assert_issued, assert_refused

HEAD = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode()


def whole(client: RegisteredClient, *headers: bytes) -> bytes:
    """A good request on the wire, with further header lines."""
    body = urlencode(client.form()).encode()
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\na=bcde",
        b"Content-Length: 5\r\nContent-Length: 5\r\n\r\na=bcd",
        b"Content-Length: 5, 5\r\n\r\na=bcd",
        b"Content-Length: +5\r\n\r\na=bcd",
        b"Content-Length: -5\r\n\r\na=bcd",
        b"Content-Length: 0x5\r\n\r\na=bcd",
        b"Content-Length: \r\n\r\na=bcd",
        b"Content-Length : 5\r\n\r\na=bcd",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
        b"Host: y\r\nContent-Length: 0\r\n\r\n",
        b"Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"X\0: a\r\nContent-Length: 0\r\n\r\n",
        b"X y: a\r\nContent-Length: 0\r\n\r\n",
        b": a\r\nContent-Length: 0\r\n\r\n",
        b"X: a\rb\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_ambiguous_message_is_refused_and_never_guessed(authority: Authority, lines: bytes) -> None:
    """Two lengths, two hosts, broken chunks and stray control characters are one framing fault."""
    (answer,) = raw(authority.port, HEAD + lines)
    assert_refused(answer, 400, "invalid_request", "AS-011")


@pytest.mark.parametrize(
    "data",
    [
        b"POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
        b"POST /token HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /token HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /token\r\n\r\n",
        b"KANARI /token HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST token HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /tok\xc3\xa6en HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_what_is_not_http_1_1_is_refused_as_json(authority: Authority, data: bytes) -> None:
    """A request without host, of another protocol, or of none, gets an answer in the same form as any other."""
    (answer,) = raw(authority.port, data)
    assert_refused(answer, 400, "invalid_request", "AS-011")


def test_lines_that_end_without_carriage_return_never_hide_a_second_request(
    authority: Authority, client: RegisteredClient
) -> None:
    """However a bare line feed is read, at most the one good request inside is answered with a token."""
    smuggled = whole(client).replace(b"\r\n", b"\n", 2)
    answers = raw(authority.port, smuggled, answers=2)
    assert len(answers) == 1
    assert broken_promises(answers[0]) == []


def test_a_folded_header_does_not_become_two(authority: Authority, client: RegisteredClient) -> None:
    """An obsolete folded line is refused or read as one value, and its content is no header of its own."""
    (answer,) = raw(authority.port, whole(client, b"X: a\r\n Authorization: Basic eDp5"))
    assert answer.refusal == (400, "invalid_request", "AS-011") or answer.status == 200


@pytest.mark.parametrize("size", [16_384, 30_000, 200_000, 2_000_000])
def test_a_huge_header_is_refused(authority: Authority, client: RegisteredClient, size: int) -> None:
    """A request head above 16 KiB is 431, and one without end is cut off."""
    (answer,) = raw(authority.port, whole(client, b"X: " + b"a" * size))
    assert_refused(answer, 431, "invalid_request", "AS-012")


def test_many_small_headers_count_together(authority: Authority, client: RegisteredClient) -> None:
    """The limit is on the whole head."""
    (answer,) = raw(authority.port, whole(client, *(b"X-%d: aaaaaaaa" % number for number in range(1500))))
    assert_refused(answer, 431, "invalid_request", "AS-012")


@pytest.mark.parametrize(
    "endless",
    [b"1;x=" + b"a" * 2_000_000, b"1\r\na\r\n0\r\n" + b"Trailer: aaaaaaaa\r\n" * 100_000],
    ids=["extension", "trailers"],
)
def test_what_is_neither_head_nor_body_is_bounded(authority: Authority, endless: bytes) -> None:
    """Chunk extensions and trailers without end are cut off like a head."""
    with socket.create_connection(("127.0.0.1", authority.port), SECONDS) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(endless), 10_000):
            try:
                connection.sendall(endless[start : start + 10_000])
            except ConnectionError:
                break
        answers = read_answers(connection, 1)
    # The end may come as a reset that takes the answer with it: what counts is that it comes.
    for answer in answers:
        assert_refused(answer, 431, "invalid_request", "AS-012")


def test_a_trailer_is_not_a_header(authority: Authority, client: RegisteredClient) -> None:
    """What comes after the body cannot add to what was said before it."""
    body = urlencode(client.form()).encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
    (answer,) = raw(authority.port, HEAD + chunked + b"Authorization: Basic eDp5\r\nContent-Encoding: gzip\r\n\r\n")
    assert_issued(answer)
    bare = b"POST /token HTTP/1.1\r\nHost: x\r\n"
    (answer,) = raw(authority.port, bare + chunked + f"Content-Type: {FORM}\r\n\r\n".encode())
    assert_refused(answer, 400, "invalid_request", "AS-002")


def test_pipelined_requests_are_answered_in_order(authority: Authority, client: RegisteredClient) -> None:
    """Each request of a pipeline gets its own answer."""
    bad = HEAD + b"Content-Length: 3\r\n\r\na=b"
    last = whole(client, b"Connection: close")
    answers = raw(authority.port, whole(client) + bad + whole(client) + bad + last, answers=6)
    assert [answer.status for answer in answers] == [200, 400, 200, 400, 200]
    assert all(broken_promises(answer) == [] for answer in answers)


def test_garbage_after_a_request_does_not_take_its_answer(authority: Authority, client: RegisteredClient) -> None:
    """The first request gets its token and the connection ends, so that no answer is taken for another's."""
    answers = raw(authority.port, whole(client) + b"\0garbage\r\n\r\n", answers=2)
    assert_issued(answers[0])
    assert all(answer.code == "AS-011" for answer in answers[1:])


def test_a_smuggled_request_in_a_refused_body_is_a_body(authority: Authority, client: RegisteredClient) -> None:
    """What stands inside the declared length of a refused request is dropped and never read as a request."""
    inner = whole(client)
    outer = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(inner)
    last = HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
    answers = raw(authority.port, outer + inner + last, answers=3)
    assert [answer.code for answer in answers] == ["AS-002", "AS-007"]


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c", b"TLS/1.0"])
def test_a_wish_for_another_protocol_is_not_granted(
    authority: Authority, client: RegisteredClient, upgrade: bytes
) -> None:
    """The request is answered in HTTP/1.1, and what follows on the connection is a request like any other."""
    wish = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + upgrade, b"HTTP2-Settings: AAMAAABkAAQ")
    answers = raw(authority.port, whole(client, *wish) + whole(client, *wish) + whole(client), answers=3)
    assert [answer.status for answer in answers] == [200, 200, 200]


def test_a_client_that_waits_to_be_told_sends_its_body(authority: Authority, client: RegisteredClient) -> None:
    """`Expect: 100-continue` is answered, and for a body that will be refused the refusal comes instead."""
    head, _, body = whole(client, b"Expect: 100-continue").partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", authority.port), SECONDS) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert_issued(read_answers(connection, 1)[0])
    (answer,) = raw(authority.port, HEAD + b"Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n")
    assert_refused(answer, 413, "invalid_request", "AS-004")


def test_the_host_header_decides_nothing(authority: Authority, client: RegisteredClient) -> None:
    """The issuer is configuration: neither Host nor Forwarded headers, nor an absolute target, change a token."""
    spoofed = (b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: https", b"Forwarded: host=evil.example")
    request = whole(client, *spoofed).replace(b"Host: x", b"Host: evil.example")
    request = request.replace(b"POST /token", b"POST http://evil.example/token")
    (answer,) = raw(authority.port, request)
    assert_issued(answer)
    assert "evil" not in str(answer)


def test_a_connection_is_used_again(authority: Authority, client: RegisteredClient) -> None:
    """A refusal does not cost the connection."""
    with socket.create_connection(("127.0.0.1", authority.port), SECONDS) as connection:
        for number in range(6):
            connection.sendall(whole(client) if number % 2 else HEAD + b"Content-Length: 0\r\n\r\n")
            (answer,) = read_answers(connection, 1)
            assert answer.status == (200 if number % 2 else 400)
