"""What the client keeps, renews, remembers and forgets."""

from __future__ import annotations

import pytest

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import (
    ClientConfig,
    MalformedResponse,
    MemoryStore,
    RefreshPolicy,
    Rejected,
    RetryPolicy,
    Throttled,
    Token,
    TokenClient,
    TokenError,
    Unavailable,
)

NO_JITTER = RefreshPolicy(jitter=0.0)


@pytest.fixture
def client(config: ClientConfig, clock: ManualClock, at_once: RetryPolicy) -> TokenClient:
    return TokenClient(config, clock=clock, retry=at_once, refresh=NO_JITTER)


def settle(client: TokenClient) -> None:
    """Wait until no renewal is under way."""
    for flight in tuple(client._flights._flights.values()):
        flight.future.result(10)


def test_refusal_is_remembered_and_grows(client: TokenClient, authority: StubAuthority, clock: ManualClock) -> None:
    """A refused request is not repeated for 10 s, then 20 s; the error says that it is remembered."""
    refusal = Answer.error(400, "invalid_scope", "Token request contains invalid scopes (trace_id: " + "a" * 32 + ")")
    authority.scripts["/token"].extend([refusal, refusal])
    with pytest.raises(Rejected) as first:
        client.get("a:b")
    with pytest.raises(Rejected) as again:
        client.get("a:b")
    clock.advance(10.5)
    with pytest.raises(Rejected) as second:
        client.get("a:b")
    clock.advance(19)
    with pytest.raises(Rejected) as still:
        client.get("a:b")

    assert [error.value.remembered for error in (first, again, second, still)] == [False, True, False, True]
    assert again.value.trace_id == "a" * 32
    assert authority.hits["/token"] == 2


def test_force_asks_past_a_remembered_refusal(client: TokenClient, authority: StubAuthority) -> None:
    """force=True asks again at once; success clears the memory."""
    authority.scripts["/token"].append(Answer.error(400, "invalid_grant", "Unknown key identifier (kid)"))
    with pytest.raises(Rejected):
        client.get("a:b")

    token = client.get("a:b", force=True)

    assert client.get("a:b") is token
    client.invalidate(token)
    assert client.get("a:b") is not token


def test_throttling_is_remembered_for_as_long_as_asked(
    client: TokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """After a 429 with Retry-After nothing is sent until it has passed."""
    authority.scripts["/token"].append(Answer.error(429, "temporarily_unavailable", Retry_After="30"))
    for expected in (30, 25):
        with pytest.raises(Throttled) as caught:
            client.get("a:b")
        assert caught.value.retry_after == expected
        clock.advance(5)
    clock.advance(25)

    assert client.get("a:b").value
    assert authority.hits["/token"] == 2


@pytest.mark.parametrize(
    ("answer", "error", "seconds"),
    [
        (Answer(200, b"<html>", {"Content-Type": "text/html"}), MalformedResponse, 5),
        (Answer(404, b"no such page"), MalformedResponse, 5),
        (Answer.error(429, "temporarily_unavailable"), Throttled, 10),
        (Answer.error(503, "temporarily_unavailable", Retry_After="40"), Unavailable, 40),
        (Answer.error(503, "temporarily_unavailable", Retry_After="4000"), Unavailable, 60),
    ],
)
def test_an_answer_that_stands_is_not_asked_for_again(
    config: ClientConfig, authority: StubAuthority, clock: ManualClock, answer: Answer, error: type, seconds: int
) -> None:
    """A page, a wrong address, a throttle and an announced pause are remembered for their time."""
    client = TokenClient(config, clock=clock, retry=RetryPolicy(attempts=1), refresh=NO_JITTER)
    authority.scripts["/token"].append(answer)
    for _ in range(20):
        with pytest.raises(error):
            client.get("a:b")
    assert authority.hits["/token"] == 1
    clock.advance(seconds)
    assert client.get("a:b").value


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>", {"Content-Type": "text/html"}),
        Answer(302, b"", {"Location": "https://elsewhere.example/"}),
        Answer(403, b"blocked"),
        Answer(404, b"no such page"),
        Answer.error(400, "invalid_client", "no"),
    ],
)
def test_whatever_is_answered_a_token_that_lasts_is_handed_out(
    client: TokenClient, authority: StubAuthority, clock: ManualClock, answer: Answer
) -> None:
    """In its margin a token stands in until it ends, also while a refusal is remembered; not for who forces."""
    first = client.get("a:b")
    clock.advance(545)
    authority.scripts["/token"].extend([answer] * 3)
    assert client.get("a:b") is first
    assert client.get("a:b") is first
    settle(client)
    with pytest.raises(TokenError):
        client.get("a:b", force=True)


def test_in_the_margin_one_caller_waits_for_a_silent_authority(
    client: TokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """After one failure others get the old token at once, and it is renewed behind them."""
    first = client.get("a:b")
    clock.advance(545)
    authority.down.add("/token")
    assert client.get("a:b") is first
    asked = authority.hits["/token"]
    with authority.held():
        clock.advance(5)
        assert client.get("a:b") is first
    settle(client)
    assert authority.hits["/token"] > asked
    authority.down.clear()
    clock.advance(5)
    client.get("a:b")
    settle(client)
    assert client.get("a:b") is not first


def test_renewal_begins_behind_the_callers_back(
    client: TokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """Between 75 % of its life and its margin a token is handed out at once while one renewal runs."""
    first = client.get("a:b")
    clock.advance(451)
    with authority.held():
        assert [client.get("a:b") for _ in range(5)] == [first] * 5
    settle(client)

    assert client.get("a:b") is not first
    assert authority.hits["/token"] == 2


def test_failed_renewal_is_not_the_callers_problem(
    client: TokenClient, authority: StubAuthority, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the old token is good, failed renewals are logged, raise nothing, and begin five seconds apart."""
    first = client.get("a:b")
    clock.advance(451)
    authority.down.add("/token")
    for _ in range(3):
        assert client.get("a:b") is first
        settle(client)
    failed_once = authority.hits["/token"]
    clock.advance(5)
    assert client.get("a:b") is first
    settle(client)

    assert failed_once == 1 + 3
    assert authority.hits["/token"] == 1 + 3 + 3
    assert [record.msg for record in caplog.records if record.name == "tillit"] == [
        "a token could not be renewed yet: %s"
    ] * 2


def test_token_in_its_margin_survives_an_outage(
    client: TokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """When no new token can be had, one that has seconds left is better than none; an expired one is not."""
    first = client.get("a:b")
    authority.down.add("/token")
    clock.advance(595)
    assert client.get("a:b") is first
    clock.advance(5)
    with pytest.raises(Unavailable):
        client.get("a:b")


def test_short_tokens_are_cached(client: TokenClient, authority: StubAuthority, clock: ManualClock) -> None:
    """A token of 120 s is used for 96 s: the margin is a fifth of its life, not a minute."""
    authority.lifetime = 120
    first = client.get("a:b")
    clock.advance(89)
    assert client.get("a:b") is first
    clock.advance(8)
    assert client.get("a:b") is not first


def test_suspended_machine_does_not_use_an_expired_token(
    client: TokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """The wall clock is asked too: the monotonic one stands still during suspend."""
    first = client.get("a:b")
    clock.sleep(700)

    assert client.peek("a:b") is None
    assert client.get("a:b") is not first


def test_invalidate_compares_before_it_drops(client: TokenClient) -> None:
    """Invalidating an old token leaves the newer one in place."""
    old = client.get("a:b")
    new = client.get("a:b", force=True)
    client.invalidate(old)
    assert client.peek("a:b") is new
    client.invalidate(new)
    assert client.peek("a:b") is None


def test_token_that_lands_between_look_and_flight_is_used(
    config: ClientConfig, clock: ManualClock, authority: StubAuthority
) -> None:
    """A caller that looked just before a flight landed, and began another just after, sends nothing."""

    class Late(MemoryStore):
        """Shows what it holds from the second look on."""

        looked = False

        def get(self, key: str) -> Token | None:
            seen, self.looked = self.looked, True
            return super().get(key) if seen else None

    store = Late()
    store.looked = True
    landed = TokenClient(config, clock=clock, store=store).get("a:b")
    store.looked = False

    assert TokenClient(config, clock=clock, store=store).get("a:b") is landed
    assert authority.hits["/token"] == 1


def test_store_has_a_bound(config: ClientConfig, clock: ManualClock) -> None:
    """The oldest token makes room, so that many persons or organisations do not fill the memory."""
    client = TokenClient(config, clock=clock, store=MemoryStore(capacity=2))
    for scope in ("a:1", "a:2", "a:3"):
        client.get(scope)
    assert [client.peek(scope) is not None for scope in ("a:1", "a:2", "a:3")] == [False, True, True]
