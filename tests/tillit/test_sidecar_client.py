"""Clients that get tokens from a sidecar, over real HTTP: from ours, and from one that plays tricks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from tests.support.loopback import Answered, Asked, serving
from tests.tillit.stub import ManualClock
from tillit import (
    AsyncSidecarTokenClient,
    BearerAuth,
    ConfigError,
    MalformedResponse,
    Rejected,
    SidecarTokenClient,
    SystemUser,
    Throttled,
    TokenRequest,
    Unavailable,
)


class Sidecar:
    """Answers from a list, else with a token that changes when the cache is to be skipped; remembers what came."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.number = 1
        self.expires_in = 100
        self.url = ""

    def answer(self, asked: Asked) -> Answered:
        """What is next, as JSON."""
        form = dict(parse_qsl(asked.body.decode(), strict_parsing=True))
        self.seen.append(form)
        self.number += form.get("skip_cache") == "true"
        good = {"access_token": f"token-{self.number}", "expires_in": self.expires_in, "token_type": "Bearer"}
        status, members = self.answers.pop(0) if self.answers else (200, good)
        return Answered(status, {"Content-Type": "application/json"}, json.dumps(members).encode())


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    """One that runs."""
    found = Sidecar()
    with serving(found.answer) as address:
        found.url = f"{address}api/v1/token"
        yield found


class Both:
    """One client of each kind behind the synchronous one's names."""

    def __init__(self, kind: str, url: str, clock: ManualClock) -> None:
        self._loop = asyncio.new_event_loop() if kind == "asyncio" else None
        self.client: Any = (AsyncSidecarTokenClient if self._loop else SidecarTokenClient)(
            url, default_scopes=["a:b"], clock=clock
        )

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, and await it if that is its kind."""
        result = getattr(self.client, name)(*args, **kwargs)
        return self._loop.run_until_complete(result) if self._loop else result

    def end(self) -> None:
        """Close the loop."""
        if self._loop:
            self._loop.close()


@pytest.fixture(params=["threads", "asyncio"])
def client(request: pytest.FixtureRequest, sidecar: Sidecar, clock: ManualClock) -> Iterator[Both]:
    """A client of it."""
    found = Both(request.param, sidecar.url, clock)
    yield found
    found.end()


def test_a_token_is_asked_for_while_it_is_not_fresh(client: Both, sidecar: Sidecar, clock: ManualClock) -> None:
    """Fresh tokens are held; after three quarters of what was left, the sidecar is asked again."""
    assert client.call("get").value == "token-1"
    clock.advance(60)
    assert client.call("headers", "a:b") == {"Authorization": "Bearer token-1"}
    assert sidecar.seen == [{"identity_provider": "maskinporten", "target": "a:b"}]
    sidecar.number = 7
    clock.advance(25)
    assert client.call("get").value == "token-7"
    assert client.client.peek("a:b").value == "token-7"
    assert client.client.peek("c:d") is None


def test_everything_a_request_says_is_sent(client: Both, sidecar: Sidecar) -> None:
    """Scopes in their order, resource, consumer and details; nothing that the API has no place for."""
    details = [SystemUser("991825827")]
    client.call("get", TokenRequest("c:d a:b", "https://api.example.no/", "991825827", authorization_details=details))
    (form,) = sidecar.seen
    assert json.loads(form.pop("authorization_details")) == [details[0].detail()]
    assert form == {
        "identity_provider": "maskinporten",
        "target": "c:d a:b",
        "resource": "https://api.example.no/",
        "consumer_org": "991825827",
    }
    for impossible in (TokenRequest("a:b", pid="12345678901"), TokenRequest("a:b", extra_claims={"x": 1})):
        with pytest.raises(ConfigError):
            client.call("get", impossible)


def test_a_token_that_was_refused_is_replaced(client: Both, sidecar: Sidecar) -> None:
    """The sidecar is told to fetch only if it still gives the one that was refused."""
    old = client.call("get")
    client.client.invalidate(old)
    assert client.call("get").value == "token-2"
    assert [form.get("skip_cache") for form in sidecar.seen] == [None, None, "true"]
    client.client.invalidate(old)
    assert client.call("get").value == "token-2"
    assert len(sidecar.seen) == 3
    client.client.invalidate(client.call("get"))
    sidecar.number = 9
    assert client.call("get").value == "token-9"
    assert len(sidecar.seen) == 4
    assert client.call("get", force=True).value == "token-10"


def test_a_refused_token_stays_refused_until_another_came(client: Both, sidecar: Sidecar) -> None:
    """A sidecar that cannot fetch at once is asked to once more, and what the API refused is not given again."""
    client.client.invalidate(client.call("get"))
    same = {"access_token": "token-1", "expires_in": 100, "token_type": "Bearer"}
    sidecar.answers = [(200, same), (503, {"error": "temporarily_unavailable"})]
    with pytest.raises(Unavailable):
        client.call("get")
    sidecar.number = 1
    assert client.call("get").value == "token-2"


def test_many_callers_cause_one_request(sidecar: Sidecar) -> None:
    """Threads, and tasks, that find no token wait for one of them to ask."""
    with SidecarTokenClient(sidecar.url) as client, ThreadPoolExecutor(20) as pool:
        assert len({token.value for token in pool.map(client.get, ["a:b"] * 20)}) == 1
    assert len(sidecar.seen) == 1

    async def main() -> None:
        tasks = AsyncSidecarTokenClient(sidecar.url)
        await asyncio.gather(*(tasks.get("a:b") for _ in range(50)))

    asyncio.run(main())
    assert len(sidecar.seen) == 2


@pytest.mark.parametrize(
    ("status", "members", "error"),
    [
        (400, {"error": "invalid_scope", "error_description": "MP-200: no"}, Rejected),
        (429, {"error": "temporarily_unavailable"}, Throttled),
        (503, {"error": "temporarily_unavailable"}, Unavailable),
        (200, {"access_token": "a b", "expires_in": 10, "token_type": "Bearer"}, MalformedResponse),
        (302, {}, MalformedResponse),
    ],
)
def test_refusals_are_those_of_a_token_client(
    client: Both, sidecar: Sidecar, status: int, members: dict[str, Any], error: type[Exception]
) -> None:
    """An error says the same whoever asked the authority."""
    sidecar.answers = [(status, members)]
    with pytest.raises(error):
        client.call("get")


def test_a_token_that_is_still_good_outlasts_the_sidecar(client: Both, sidecar: Sidecar, clock: ManualClock) -> None:
    """While the sidecar is away a token is used to its end, and not beyond."""
    client.call("get")
    for seconds, good in ((85, True), (16, False)):
        clock.advance(seconds)
        sidecar.answers = [(503, {"error": "temporarily_unavailable"})]
        if good:
            assert client.call("get").value == "token-1"
        else:
            with pytest.raises(Unavailable):
                client.call("get")


def test_a_closed_client_refuses(client: Both) -> None:
    """After `close` nothing is given, not even what was held."""
    client.call("get")
    client.call("close")
    with pytest.raises(ConfigError):
        client.call("get")


def test_requests_bear_its_tokens(sidecar: Sidecar, clock: ManualClock) -> None:
    """The adapters take it for a client, and replace a token that the API refuses."""
    seen: list[str] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(401 if seen[-1] == "Bearer token-1" else 200)

    client = SidecarTokenClient(sidecar.url, clock=clock)
    client.get("a:b")
    clock.advance(10)
    with httpx2.Client(transport=httpx2.MockTransport(api), auth=BearerAuth(client, "a:b")) as http:
        assert http.get("https://api.example.no/").status_code == 200
    assert seen == ["Bearer token-1", "Bearer token-2"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, sidecar: Sidecar) -> None:
    """The address comes from the environment, is loopback or https, and is reached past every proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    with SidecarTokenClient.from_env({"NAIS_TOKEN_ENDPOINT": sidecar.url}) as client:
        assert client.get("a:b").value == "token-1"
    for environ in ({}, {"NAIS_TOKEN_ENDPOINT": "http://10.0.0.1/token"}, {"NAIS_TOKEN_ENDPOINT": "token"}):
        with pytest.raises(ConfigError):
            AsyncSidecarTokenClient.from_env(environ)
