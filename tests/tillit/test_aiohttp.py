"""Tokens on the requests of aiohttp's client, over real HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.support.loopback import Answered, Asked, serving
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import AsyncTokenClient, ClientConfig, ConfigError, DpopKey, TokenClient
from tillit.aiohttp import TokenMiddleware

INVALID = 'Bearer error="invalid_token"'


class Api:
    """An API that answers from a list of challenges and redirects, and remembers what came."""

    def __init__(self) -> None:
        self.answers: list[Answered] = []
        self.seen: list[tuple[str | None, bytes]] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answered:
        """The next of the list, or 200."""
        self.seen.append((asked.headers.get("authorization"), asked.body))
        return self.answers.pop(0) if self.answers else Answered()

    def challenge(self, *challenges: str) -> None:
        """Answer 401 with each of these, and then 200."""
        self.answers = [Answered(401, {"WWW-Authenticate": challenge}) for challenge in challenges]


@pytest.fixture
def api() -> Iterator[Api]:
    """One that runs."""
    found = Api()
    with serving(found.answer) as found.url:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Api]:
    """Another one, at another address."""
    found = Api()
    with serving(found.answer) as found.url:
        yield found


def post(client: AsyncTokenClient, api: Api, data: Any = None, url: str | None = None) -> int:
    """Post once, and tell the status."""

    async def main() -> int:
        middleware = TokenMiddleware(client, api.url, "a:b")
        async with (
            aiohttp.ClientSession(middlewares=[middleware]) as session,
            session.post(url or api.url, data=data() if callable(data) else data) as answer,
        ):
            return answer.status

    return asyncio.run(main())


@pytest.fixture
def client(config: ClientConfig, clock: ManualClock) -> AsyncTokenClient:
    """One that holds a token which was not fetched just now."""
    found = AsyncTokenClient(config, clock=clock)
    asyncio.run(found.get("a:b"))
    clock.advance(10)
    return found


@pytest.mark.parametrize("data", [None, b"body", "text", {"a": "form"}, lambda: io.BytesIO(b"file")])
def test_a_refused_token_is_replaced_once(api: Api, client: AsyncTokenClient, data: Any) -> None:
    """invalid_token gets one more try with a new token and the same body; a second 401 is the caller's."""
    api.challenge(INVALID, INVALID)
    assert post(client, api, data) == 401
    (old, first), (new, second) = api.seen
    assert first == second
    assert old != new == asyncio.run(client.get("a:b")).authorization


def test_the_second_try_can_succeed(api: Api, client: AsyncTokenClient) -> None:
    """The caller of a request whose token was replaced gets its answer."""
    api.challenge(INVALID)
    assert post(client, api, b"body") == 200


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer error="insufficient_scope"'])
def test_other_refusals_keep_the_token(api: Api, client: AsyncTokenClient, challenge: str) -> None:
    """A 401 that says something else is no reason for a new token."""
    api.challenge(challenge)
    assert post(client, api) == 401
    assert len(api.seen) == 1


def test_new_tokens_and_streams_are_not_sent_again(api: Api, client: AsyncTokenClient, clock: ManualClock) -> None:
    """A body that was read cannot be sent twice, and a token fetched just now would be refused again."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    api.challenge(INVALID, INVALID)
    assert post(client, api, stream) == 401
    assert [body for _, body in api.seen] == [b"onetwo"]
    client.invalidate(asyncio.run(client.get("a:b")))
    assert post(client, api) == 401
    assert len(api.seen) == 2


def test_no_token_goes_elsewhere(api: Api, elsewhere: Api, client: AsyncTokenClient, authority: StubAuthority) -> None:
    """Neither by a redirect nor by a request of the same session to another host."""
    api.answers = [Answered(307, {"Location": elsewhere.url})]
    assert post(client, api, b"body") == 200
    assert post(client, api, url=elsewhere.url) == 200
    assert [authorization for authorization, _ in elsewhere.seen] == [None, None]
    assert authority.hits["/token"] == 1


def test_clients_that_do_not_fit_are_an_error(config: ClientConfig) -> None:
    """A client that would block the loop, one whose tokens need proofs, and what is no address."""
    url = "https://api.example.no"
    with pytest.raises(ConfigError, match="AsyncTokenClient"):
        TokenMiddleware(TokenClient(config), url)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="proof"):
        TokenMiddleware(AsyncTokenClient(replace(config, dpop=DpopKey.generate())), url)
    for address in ("api.example.no", "", "/path"):
        with pytest.raises(ConfigError, match="address"):
            TokenMiddleware(AsyncTokenClient(config), address)
