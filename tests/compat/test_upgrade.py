"""Clients that ask for another protocol, as Java's own does over plain HTTP, are served in this one."""

from __future__ import annotations

import socket
from itertools import pairwise
from uuid import uuid4

import pytest

from tests.compat.imitations import GRANT, JDK
from tests.support.authority import Authority
from tests.support.http import SECONDS, Answer, raw, read_answers
from tests.support.registrar import RegisteredClient

CHUNKED = ("Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded")
FRAMING = (400, "invalid_request", "AS-011")


def ask(client: RegisteredClient, *lines: str) -> bytes:
    """Write a token request with the header lines of Java's client, unless others are given."""
    body = f"grant_type={GRANT}&assertion={client.assertion(jti=str(uuid4()))}"
    head = "\r\n".join(("POST /token HTTP/1.1", "Host: authority", *(lines or JDK)))
    return f"{head}\r\n\r\n{body}".replace("{length}", str(len(body))).encode("ascii")


def in_pieces(port: int, data: bytes, cuts: list[int], answers: int) -> list[Answer]:
    """Write bytes cut at these places, each piece as a segment of its own."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise([0, *cuts, len(data)]):
            connection.sendall(data[start:end])
        return read_answers(connection, answers, "POST")


@pytest.mark.parametrize("where", ["within the head", "behind the head", "within the body", "at every byte"])
def test_the_body_of_a_declined_upgrade_is_read_wherever_it_is_cut(
    maskinporten: Authority, classic: RegisteredClient, where: str
) -> None:
    """A token request that wishes for HTTP/2 gets its token, however TCP cuts it."""
    data = ask(classic)
    behind = data.index(b"\r\n\r\n") + 4
    cuts = {
        "within the head": [behind // 2],
        "behind the head": [behind],
        "within the body": [behind + 100],
        "at every byte": list(range(1, len(data))),
    }
    (answer,) = in_pieces(maskinporten.port, data, cuts[where], 1)
    assert answer.token


def test_each_request_on_a_kept_connection_may_wish_for_an_upgrade(
    maskinporten: Authority, classic: RegisteredClient
) -> None:
    """Three pipelined requests that all wish for HTTP/2 get three tokens, in order, on the one connection."""
    answers = raw(maskinporten.port, b"".join(ask(classic) for _ in range(3)), answers=3)
    assert len({answer.token for answer in answers}) == 3


def test_a_chunked_body_behind_a_declined_upgrade_is_read(maskinporten: Authority, classic: RegisteredClient) -> None:
    """A body of unknown length is read too."""
    head, body = ask(classic, "Connection: Upgrade", "Upgrade: h2c", *CHUNKED).split(b"\r\n\r\n", 1)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    (answer,) = raw(maskinporten.port, head + b"\r\n\r\n" + chunked)
    assert answer.token


def test_many_wishes_in_one_segment_are_declined_one_by_one(maskinporten: Authority) -> None:
    """A thousand pipelined wishes for a WebSocket are answered as the plain requests that they also are."""
    one = b"GET /jwk HTTP/1.1\r\nHost: authority\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answers = raw(maskinporten.port, one * 1000, answers=1000, method="GET")
    assert [answer.status for answer in answers] == [200] * 1000


def test_a_wish_does_not_lift_the_bound_of_the_head(maskinporten: Authority, classic: RegisteredClient) -> None:
    """A head that is too large is refused with a wish to upgrade as without."""
    padding = [f"X-Padding-{number}: {'x' * 1000}" for number in range(20)]
    (answer,) = raw(maskinporten.port, ask(classic, *JDK, *padding))
    assert answer.refusal == (431, "invalid_request", "AS-012")


def test_a_tunnel_is_not_opened(maskinporten: Authority) -> None:
    """CONNECT is refused, and nothing behind it is read as a request."""
    data = b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\nGET /jwk HTTP/1.1\r\nHost: authority\r\n\r\n"
    assert [answer.refusal for answer in raw(maskinporten.port, data, answers=2)] == [FRAMING]


def test_a_target_that_is_no_url_is_answered(maskinporten: Authority) -> None:
    """A request target that cannot be read is refused as every other fault of the message."""
    (answer,) = raw(maskinporten.port, b"POST http://[ HTTP/1.1\r\nHost: authority\r\n\r\n")
    assert answer.refusal == FRAMING
