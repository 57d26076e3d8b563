"""BearerAuth on real requests to a real API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from tests.support.loopback import Answered, Asked, serving
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import AsyncTokenClient, BearerAuth, ClientConfig, ConfigError, TokenClient


class Api:
    """An API that refuses the tokens it is told to, and records what it saw."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.refuse_all = False
        self.challenge: str | None = 'Bearer realm="x", error="invalid_token"'
        self.seen: list[tuple[str, bytes]] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answered:
        """401 with the challenge, if there is one, or 200."""
        authorization = asked.headers.get("authorization", "")
        self.seen.append((authorization, asked.body))
        if not self.refuse_all and authorization not in self.refused:
            return Answered()
        return Answered(401, {} if self.challenge is None else {"WWW-Authenticate": self.challenge})


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    with serving(found.answer) as found.url:
        yield found


@pytest.fixture
def client(config: ClientConfig, clock: ManualClock) -> TokenClient:
    return TokenClient(config, clock=clock)


def test_token_is_put_on_the_request(api: Api, client: TokenClient) -> None:
    """The Authorization header is the token's."""
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        assert http.post(api.url).status_code == 200
    assert api.seen == [(client.get("a:b").authorization, b"")]


def test_refused_token_is_replaced_once(api: Api, client: TokenClient, clock: ManualClock) -> None:
    """A 401 for a cached token leads to a new token and the same body again."""
    old = client.get("a:b")
    api.refused.add(old.authorization)
    clock.advance(60)
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        response = http.post(api.url, json={"n": 1})

    assert response.status_code == 200
    assert [body for _, body in api.seen] == [b'{"n":1}'] * 2
    assert client.get("a:b").authorization == api.seen[1][0] != old.authorization


def test_api_that_refuses_everything_is_asked_twice(
    api: Api, client: TokenClient, clock: ManualClock, authority: StubAuthority
) -> None:
    """There is one repetition, never a loop."""
    client.get("a:b")
    api.refuse_all = True
    clock.advance(60)
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        assert http.post(api.url).status_code == 401
    assert len(api.seen) == 2
    assert authority.hits["/token"] == 2


@pytest.mark.parametrize(
    ("challenge", "requests"),
    [(None, 2), ("Bearer", 1), ('Bearer error="insufficient_scope"', 1), ('Basic realm="error=invalid_token"', 1)],
)
def test_other_refusals_keep_the_token(
    api: Api, client: TokenClient, clock: ManualClock, challenge: str | None, requests: int
) -> None:
    """Silence gets one more try, as `invalid_token` does; a challenge that says anything else is no reason for it."""
    client.get("a:b")
    api.refuse_all, api.challenge = True, challenge
    clock.advance(60)
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        assert http.post(api.url).status_code == 401
    assert len(api.seen) == requests


def test_token_just_fetched_is_not_replaced(api: Api, client: TokenClient, authority: StubAuthority) -> None:
    """An API that refuses a token seconds old would refuse the next one too."""
    api.refuse_all = True
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        assert http.post(api.url).status_code == 401
        assert http.post(api.url).status_code == 401
    assert len(api.seen) == 2
    assert authority.hits["/token"] == 1


def test_body_that_cannot_be_sent_twice_is_not(api: Api, client: TokenClient, clock: ManualClock) -> None:
    """A streamed body is gone after the first attempt; the caller gets the 401."""
    client.get("a:b")
    api.refuse_all = True
    clock.advance(60)
    with httpx2.Client(auth=BearerAuth(client, "a:b")) as http:
        assert http.post(api.url, content=iter([b"one", b"two"])).status_code == 401
    assert [body for _, body in api.seen] == [b"onetwo"]


def test_asynchronous_requests_work_the_same(api: Api, config: ClientConfig, clock: ManualClock) -> None:
    """An httpx2.AsyncClient with an AsyncTokenClient replaces a refused token once."""

    async def main() -> None:
        client = AsyncTokenClient(config, clock=clock)
        api.refused.add((await client.get("a:b")).authorization)
        clock.advance(60)
        async with httpx2.AsyncClient(auth=BearerAuth(client, ["a:b"])) as http:
            assert (await http.post(api.url)).status_code == 200

    asyncio.run(main())
    assert len(api.seen) == 2


def test_mismatched_clients_are_an_error(api: Api, config: ClientConfig, client: TokenClient) -> None:
    """A sync token client would block an event loop, so it is refused there, and the reverse."""

    async def main() -> None:
        async with httpx2.AsyncClient(auth=BearerAuth(client, "a:b")) as http:
            await http.post(api.url)

    with pytest.raises(ConfigError):
        asyncio.run(main())
    with httpx2.Client(auth=BearerAuth(AsyncTokenClient(config), "a:b")) as http, pytest.raises(ConfigError):
        http.post(api.url)


def test_whom_a_redirect_leads_to_has_no_say(
    api: Api, client: TokenClient, clock: ManualClock, authority: StubAuthority
) -> None:
    """A 401 of another host, which got no token, is no reason for a new one."""
    client.get("a:b")
    clock.advance(60)

    def answer(asked: Asked) -> Answered:
        return Answered(307, {"Location": api.url})

    api.refuse_all = True
    with serving(answer) as url, httpx2.Client(auth=BearerAuth(client, "a:b"), follow_redirects=True) as http:
        assert http.get(url).status_code == 401
    assert api.seen == [("", b"")]
    assert authority.hits["/token"] == 1
