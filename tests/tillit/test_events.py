"""What the clients tell their hooks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Protocol

import pytest

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tests.tillit.test_async_client import until_asked
from tillit import (
    AsyncTokenClient,
    ClientConfig,
    ConfigError,
    MemoryStore,
    RefreshPolicy,
    Rejected,
    RetryPolicy,
    Token,
    TokenClient,
    TokenRequest,
    Unavailable,
)
from tillit.events import (
    CacheMiss,
    Event,
    Hook,
    RefreshFailed,
    RefreshStarted,
    RefreshSucceeded,
    RefusalRemembered,
    Retried,
)

AB = ("a:b",)
PID = "12345678901"


class Get(Protocol):
    """Gets a token with a client that was made with these hooks."""

    def __call__(self, wanted: TokenRequest | str, hooks: Iterable[Hook]) -> Token: ...


@pytest.fixture(params=["threads", "asyncio"])
def get(request: pytest.FixtureRequest, config: ClientConfig, clock: ManualClock, at_once: RetryPolicy) -> Get:
    """Calls of one client after another, over one memory of tokens."""
    store = MemoryStore()
    given: dict[str, Any] = {"clock": clock, "retry": at_once, "store": store, "refresh": RefreshPolicy(jitter=0.0)}

    def with_threads(wanted: TokenRequest | str, hooks: Iterable[Hook]) -> Token:
        return TokenClient(config, hooks=hooks, **given).get(wanted)

    def with_asyncio(wanted: TokenRequest | str, hooks: Iterable[Hook]) -> Token:
        return asyncio.run(AsyncTokenClient(config, hooks=hooks, **given).get(wanted))

    return with_threads if request.param == "threads" else with_asyncio


def test_first_token_is_a_miss_and_a_refresh_and_the_next_is_no_event(get: Get) -> None:
    """A token that is fetched is told of in order, with times of the client's clock; one at hand is not."""
    told: list[Event] = []

    get("a:b", [told.append])
    assert told == [CacheMiss(AB), RefreshStarted(AB), RefreshSucceeded(AB, 0.0, 600)]

    get("a:b", [told.append])
    assert len(told) == 3


def test_retries_are_counted(get: Get, authority: StubAuthority) -> None:
    """Each attempt but the first is told of with its number, and failure comes once, at the end."""
    authority.scripts["/token"].extend([Answer(503)] * 4)
    told: list[Event] = []

    with pytest.raises(Unavailable):
        get("a:b", [told.append])
    assert told == [
        CacheMiss(AB),
        RefreshStarted(AB),
        Retried(AB, 2),
        Retried(AB, 3),
        RefreshFailed(AB, 0.0, "Unavailable", None),
    ]

    told.clear()
    get("a:b", [told.append])
    assert told[2:] == [Retried(AB, 2), RefreshSucceeded(AB, 0.0, 600)]


def test_refusal_tells_its_code(get: Get, authority: StubAuthority) -> None:
    """The finer code is told where the authority gives one, else the OAuth error."""
    authority.scripts["/token"].append(Answer.error(400, "invalid_scope"))
    authority.scripts["/token"].append(Answer.error(400, "invalid_grant", "MP-251: no such key"))
    told: list[Event] = []

    for _ in range(2):
        with pytest.raises(Rejected):
            get("a:b", [told.append])
    failed = [event.code for event in told if isinstance(event, RefreshFailed)]
    assert failed == ["invalid_scope", "MP-251"]


def test_remembered_refusal_is_no_refresh(config: ClientConfig, authority: StubAuthority, clock: ManualClock) -> None:
    """A call that is answered from the memory of refusals is told of as that, and nothing is started."""
    authority.scripts["/token"].append(Answer.error(400, "invalid_scope"))
    told: list[Event] = []
    client = TokenClient(config, clock=clock, hooks=[told.append])
    with pytest.raises(Rejected):
        client.get("a:b")
    told.clear()

    with pytest.raises(Rejected) as caught:
        client.get("a:b")

    assert caught.value.remembered
    assert told == [CacheMiss(AB), RefusalRemembered(AB)]


def test_renewal_behind_the_callers_back_is_a_refresh_without_a_miss(
    config: ClientConfig, authority: StubAuthority, clock: ManualClock
) -> None:
    """A token that is renewed while it is still good was at hand all the time."""
    told: list[Event] = []
    renewed = asyncio.Event()

    def hook(event: Event) -> None:
        told.append(event)
        if isinstance(event, RefreshSucceeded):
            renewed.set()

    async def main() -> None:
        client = AsyncTokenClient(config, clock=clock, refresh=RefreshPolicy(jitter=0.0), hooks=[hook])
        first = await client.get("a:b")
        told.clear()
        renewed.clear()
        clock.advance(460)
        assert await client.get("a:b") is first
        await asyncio.wait_for(renewed.wait(), 10)

    asyncio.run(main())
    assert told == [RefreshStarted(AB), RefreshSucceeded(AB, 0.0, 600)]


def test_hook_that_fails_costs_no_token_and_no_other_hook(get: Get, caplog: pytest.LogCaptureFixture) -> None:
    """What a hook raises goes to the log, and the next hook is called."""
    told: list[Event] = []

    def broken(event: Event) -> None:
        raise LookupError("no such counter")

    with caplog.at_level(logging.ERROR, logger="tillit"):
        assert get("a:b", [broken, told.append]).value

    assert len(told) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a hook failed at CacheMiss",
        "a hook failed at RefreshStarted",
        "a hook failed at RefreshSucceeded",
    ]


def test_no_event_tells_a_secret(get: Get, authority: StubAuthority) -> None:
    """Neither the token nor the assertion nor the person is in what a hook may write down."""
    told: list[Event] = []
    token = get(TokenRequest("a:b", pid=PID), [told.append])
    authority.scripts["/token"].append(Answer.error(400, "invalid_grant", f"MP-251: not {PID}"))
    with pytest.raises(Rejected):
        get(TokenRequest("c:d", pid=PID), [told.append])

    text = repr(told)
    assert "RefreshSucceeded" in text
    assert "RefreshFailed" in text
    assert PID not in text
    assert token.value not in text
    assert all(sent["jti"] not in text for sent in authority.assertions)


def test_cancelled_fetch_has_failed(config: ClientConfig, authority: StubAuthority, clock: ManualClock) -> None:
    """A fetch that is ended with its client is told of as failed, so that what began also ends."""
    told: list[Event] = []

    async def main() -> None:
        client = AsyncTokenClient(config, clock=clock, hooks=[told.append])
        with authority.held():
            waiting = asyncio.create_task(client.get("a:b"))
            await until_asked(authority)
            await client.aclose()
            with pytest.raises(Unavailable):
                await waiting

    asyncio.run(main())
    assert told[-1] == RefreshFailed(AB, 0.0, "CancelledError", None)


def test_async_hook_is_refused_at_once(config: ClientConfig) -> None:
    """A function that would have to be awaited never would be, so it is no hook."""

    async def hook(event: Event) -> None: ...

    with pytest.raises(ConfigError, match="hook"):
        TokenClient(config, hooks=[hook])
