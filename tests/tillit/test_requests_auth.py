"""Tokens on the requests of the library of that name, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.tillit.stub import ManualClock
from tillit import ClientConfig, TokenClient
from tillit.requests import RequestsAuth


class Api:
    """An API that answers from a list, and remembers what came."""

    def __init__(self) -> None:
        self.challenges: list[str | None] = []
        self.seen: list[tuple[str, bytes]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                api.seen.append((self.headers["Authorization"], body))
                challenge = api.challenges.pop(0) if api.challenges else None
                self.send_response(200 if challenge is None else 401)
                self.send_header("Content-Length", "0")
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


INVALID = 'Bearer error="invalid_token"'


@pytest.mark.parametrize("challenge", [INVALID, ""])
def test_a_refused_token_is_replaced_once(api: Api, config: ClientConfig, clock: ManualClock, challenge: str) -> None:
    """invalid_token, or no challenge at all, gets one more try with a new token; a second 401 is the caller's."""
    client = TokenClient(config, clock=clock)
    old = client.get("a:b")
    clock.advance(10)
    api.challenges = [challenge, challenge]
    answer = requests.post(api.url, data=b"body", auth=RequestsAuth(client, "a:b"), timeout=5)
    assert answer.status_code == 401
    assert [body for _, body in api.seen] == [b"body", b"body"]
    assert api.seen[0][0] == old.authorization != api.seen[1][0]


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer error="insufficient_scope"', "Negotiate"])
def test_other_refusals_keep_the_token(api: Api, config: ClientConfig, clock: ManualClock, challenge: str) -> None:
    """A 401 that does not say invalid_token is no reason for a new token."""
    client = TokenClient(config, clock=clock)
    client.get("a:b")
    clock.advance(10)
    api.challenges = [challenge]
    assert requests.post(api.url, auth=RequestsAuth(client, "a:b"), timeout=5).status_code == 401
    assert len(api.seen) == 1


def test_new_tokens_and_streams_are_not_sent_again(api: Api, config: ClientConfig, clock: ManualClock) -> None:
    """A token fetched just now would be refused again, and a body that was read cannot be sent twice."""
    client = TokenClient(config, clock=clock)
    api.challenges = [INVALID, INVALID]
    assert requests.post(api.url, auth=RequestsAuth(client, "a:b"), timeout=5).status_code == 401
    clock.advance(10)
    requests.post(api.url, data=iter([b"x"]), auth=RequestsAuth(client, "a:b"), timeout=5)
    assert len(api.seen) == 2
