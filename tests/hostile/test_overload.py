"""P8 under load: a noisy client takes nothing from a quiet one, and a flood finds a bounded amount of room."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest

from tests.bench.crowd import Caller, ask
from tests.hostile.test_workers import until
from tests.support.authority import Authority, running
from tests.support.http import FORM, Answer, broken_promises, read_answers, request
from tests.support.registrar import RegisteredClient

CONCURRENT, WAITING, CONNECTIONS = 4, 8, 100
SECONDS, NOISY_CONNECTIONS, NOISY_REQUESTS = 2.0, 64, 400
# One lane gets half of everything.
NOISY_PLACES = WAITING // 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority with little room."""
    bounds = {"max_concurrent": CONCURRENT, "max_waiting": WAITING, "max_connections": CONNECTIONS}
    with running(tmp_path_factory.mktemp("small"), **bounds) as authority:
        yield authority


def wire(form: dict[str, str]) -> bytes:
    """A token request on a connection that stays open."""
    body = urlencode(form).encode("ascii")
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def parsed(answer: bytes) -> Answer:
    """An answer as it came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), headers, body)


def metrics(authority: Authority) -> dict[str, float]:
    """Every metric of the node by its name, labels included."""
    text = request(authority.management_port, "GET", "/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^(authserver_\S+) (\S+)$", text, re.MULTILINE)}


def beside(authority: Authority, quiet: RegisteredClient, noisy: Caller) -> tuple[Caller, list[dict[str, float]]]:
    """Let a quiet client ask for one token after the other beside a noisy caller; return it and metrics meanwhile."""
    seen: list[dict[str, float]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(metrics(authority))

    looking = threading.Thread(target=look)
    looking.start()
    asking = Caller([wire(quiet.form()) for _ in range(200)], connections=1)
    try:
        ask(authority.port, [noisy, asking], SECONDS)
    finally:
        over.set()
        looking.join()
    return asking, seen


def test_a_quiet_client_gets_every_token_beside_a_noisy_one(small: Authority) -> None:
    """Of many connections that ask without pause some are told 429, and when to come back; the quiet one's never."""
    quiet, client = small.registry.granted_client(), small.registry.granted_client()
    assert small.token(quiet).status == small.token(client).status == 200
    noisy = Caller([wire(client.form()) for _ in range(NOISY_REQUESTS)], NOISY_CONNECTIONS)
    before = metrics(small)['authserver_shed_total{reason="share"}']
    asking, seen = beside(small, quiet, noisy)
    assert asking.statuses.keys() == {200}
    assert noisy.statuses.keys() == {200, 429}
    assert noisy.without_retry_after == 0
    shed = parsed(noisy.shed_sample)
    assert shed.refusal == (429, "temporarily_unavailable", "AS-429")
    assert broken_promises(shed) == []
    assert max(each["authserver_under_way"] for each in seen) <= CONCURRENT
    assert 0 < max(each["authserver_waiting"] for each in seen) <= NOISY_PLACES + 1
    assert metrics(small)['authserver_shed_total{reason="share"}'] - before >= noisy.statuses[429]


@pytest.mark.parametrize("forged", ["header", "issuer"])
def test_forged_assertions_take_nothing_from_whom_they_name(small: Authority, forged: str) -> None:
    """Whoever does not know a client's key id, or invents clients, shares one lane with all who do so."""
    quiet = small.registry.granted_client()
    assert small.token(quiet).status == 200
    if forged == "header":
        forms = [quiet.form() | {"assertion": quiet.assertion(header={"kid": f"k{n}"})} for n in range(60)]
    else:
        forms = [quiet.form(iss=f"nobody-{number}") for number in range(60)]
    noisy = Caller([wire(form) for form in forms], NOISY_CONNECTIONS, again=True)
    asking, seen = beside(small, quiet, noisy)
    assert asking.statuses.keys() == {200}
    assert noisy.statuses.keys() <= {400, 429}
    assert noisy.statuses[400]
    assert max(each["authserver_waiting"] for each in seen) <= NOISY_PLACES + 1


def test_everything_is_free_again_after_a_flood(small: Authority) -> None:
    """Connections that break off in the middle of their turn, or while refused, leave nothing behind."""
    client = small.registry.granted_client()
    ask(small.port, [Caller([wire(client.form()) for _ in range(100)], NOISY_CONNECTIONS)], 0.1)
    names = ("authserver_under_way", "authserver_waiting", "authserver_held_back")
    until(lambda: not any(metrics(small)[name] for name in names))
    assert small.token(client).status == 200


def test_a_connection_too_many_is_told_503_and_a_place_set_free_is_taken(small: Authority) -> None:
    """With every connection in use the next is refused with Retry-After; when one closes there is room again."""
    client = small.registry.granted_client()
    with ExitStack() as stack:
        address = "127.0.0.1", small.port
        opened = [stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS)]
        # The last one is in once it has been answered.
        opened[-1].sendall(wire(client.form()))
        assert read_answers(opened[-1], 1)[0].status == 200
        refused = small.token(client)
        assert refused.refusal == (503, "temporarily_unavailable", "AS-502")
        assert broken_promises(refused) == []
        assert metrics(small)["authserver_connections_refused_total"] >= 1
        for connection in opened[:10]:
            connection.close()
        until(lambda: small.token(client).status == 200)


def test_whoever_opens_connections_without_end_is_cut_off(small: Authority) -> None:
    """Beyond those that may be told why, a connection too many is closed at once; the listener goes on."""
    client = small.registry.granted_client()
    with ExitStack() as stack:
        address = "127.0.0.1", small.port
        opened = [stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS + 100)]
        opened[-1].settimeout(10)
        assert opened[-1].recv(1) == b""
    until(lambda: small.token(client).status == 200)
