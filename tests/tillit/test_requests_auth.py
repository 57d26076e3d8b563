"""Tokens on the requests of the library of that name, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.support.loopback import Answered, Asked, serving
from tests.tillit.stub import ManualClock
from tillit import ClientConfig, TokenClient
from tillit.requests import RequestsAuth


class Api:
    """An API that answers from a list, and remembers what came."""

    def __init__(self) -> None:
        self.challenges: list[str | None] = []
        self.seen: list[tuple[str, bytes]] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answered:
        """401 with the next challenge, or without one if it is empty; 200 if there is none left."""
        self.seen.append((asked.headers["authorization"], asked.body))
        challenge = self.challenges.pop(0) if self.challenges else None
        if challenge is None:
            return Answered()
        return Answered(401, {"WWW-Authenticate": challenge} if challenge else {})


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    with serving(found.answer) as found.url:
        yield found


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
