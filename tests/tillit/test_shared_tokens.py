"""What clients do with a store they share: two clients with memories of their own stand for two processes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from tests.tillit.stores import DictStore
from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import (
    AsyncTokenClient,
    ClientConfig,
    RefreshPolicy,
    Rejected,
    RetryPolicy,
    Throttled,
    Token,
    TokenClient,
    TokenRequest,
    Unavailable,
)

NO_JITTER = RefreshPolicy(jitter=0.0)
PID = "12345678901"

Make = Callable[..., TokenClient]


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def make(config: ClientConfig, clock: ManualClock, store: DictStore) -> Make:
    """A client with a memory of its own on the one store."""

    def made(refresh: RefreshPolicy = NO_JITTER, clock: ManualClock = clock, **retry: float) -> TokenClient:
        policy = RetryPolicy(attempts=2, base=0.0, cap=0.0, **retry)
        return TokenClient(config, store=store, clock=clock, refresh=refresh, retry=policy)

    return made


def settle(client: TokenClient) -> None:
    """Wait until no renewal is under way."""
    for flight in tuple(client._flights._flights.values()):
        flight.future.result(10)


def test_second_process_sends_nothing(make: Make, authority: StubAuthority, clock: ManualClock) -> None:
    """What one has fetched the other has too, with the life it has left."""
    first = make().get("a:b")
    clock.advance(100)
    second = make().get("a:b")

    assert second == first
    assert second.expires_in() == 500
    assert authority.hits["/token"] == 1


def test_cached_token_does_not_touch_the_store(make: Make, store: DictStore) -> None:
    """A hit is a look into the process's own memory."""
    client = make()
    client.get("a:b")
    store.calls.clear()
    assert client.get("a:b") is client.peek("a:b")
    assert store.calls == []


def test_other_keys_are_not_shared(make: Make, authority: StubAuthority) -> None:
    """Another scope, resource, consumer or person has another token."""
    asked = [
        TokenRequest("a:b"),
        TokenRequest("a:b", resource="https://r.no/"),
        TokenRequest("a:b", consumer_org="991825827"),
        TokenRequest("a:b", pid=PID),
        TokenRequest("c:d"),
    ]
    assert len({make().get(one).value for one in asked}) == 5


def test_store_learns_no_person_and_no_organisation(make: Make, store: DictStore) -> None:
    """Neither keys nor what is kept beside the token say what was asked for."""
    token = make().get(TokenRequest("a:b", consumer_org="991825827", pid=PID))
    for key, blob in store.kept.items():
        rest = key.encode() + blob.replace(token.value.encode(), b"")
        assert len(key) == 64
        assert PID.encode() not in rest
        assert b"991825827" not in rest


def test_renewal_by_one_is_taken_over_by_the_others(make: Make, authority: StubAuthority, clock: ManualClock) -> None:
    """When a renewal is due, a token that somebody else has renewed is used instead."""
    one, two = make(), make()
    old = one.get("a:b")
    assert two.get("a:b") == old
    clock.advance(451)
    for client in (one, two):
        assert client.get("a:b") == old
        settle(client)

    assert one.get("a:b") == two.get("a:b") != old
    assert authority.hits["/token"] == 2


def test_renewal_does_not_settle_for_what_is_due_itself(
    make: Make, authority: StubAuthority, clock: ManualClock
) -> None:
    """Who waits takes a token that others have and that is due; a renewal, for which nobody waits, gets a new one."""
    one, two = make(), make()
    two.get("a:b")
    clock.advance(1)
    newer = one.get("a:b", force=True)
    clock.advance(451)
    assert make().get("a:b") == newer
    two.get("a:b")
    settle(two)

    assert two.get("a:b") != newer
    assert authority.hits["/token"] == 3


def test_renewal_is_spread_anew_in_each_process(make: Make) -> None:
    """A token read from the store gets this process's own jitter."""
    ages = {make(RefreshPolicy()).get("a:b").renew_age for _ in range(20)}
    assert len(ages) > 10
    assert all(405 <= age <= 495 for age in ages)


def test_expired_token_in_the_store_is_a_miss(make: Make, authority: StubAuthority, clock: ManualClock) -> None:
    """A token that lived out its time while no process ran is not used."""
    old = make().get("a:b")
    clock.advance(700)
    assert make().get("a:b") != old
    assert authority.hits["/token"] == 2


def test_clock_set_back_is_no_longer_life(make: Make, authority: StubAuthority) -> None:
    """A token from the future is believed up to a minute, which margins cover, and not beyond."""
    made = make(clock=ManualClock(2_000_000.0)).get("a:b")
    near = make(clock=ManualClock(1_999_950.0)).get("a:b")
    far = make(clock=ManualClock(1_999_900.0)).get("a:b")
    assert near == made
    assert near.expires_in() == 600
    assert far != made


def test_clock_of_the_store_counts_where_it_has_one(make: Make, store: DictStore) -> None:
    """A store that says how long it will keep a token is believed when that is shorter."""
    make(clock=ManualClock(2_000_000.0)).get("a:b")
    store.ttl = 200.0
    assert make(clock=ManualClock(1_999_960.0)).get("a:b").expires_in() == 200


@pytest.mark.parametrize(
    "junk",
    [b"", b"\xff", b"[]", b"{}", b'{"v":2}', b'{"v":1,"token":1,"scopes":[],"lifetime":600,"obtained":0}'],
)
def test_junk_in_the_store_is_a_miss(make: Make, store: DictStore, authority: StubAuthority, junk: bytes) -> None:
    """What cannot be read as a token is fetched anew and overwritten."""
    token = make().get("a:b")
    (key,) = store.kept
    store.kept[key] = junk
    renewed = make().get("a:b")
    assert renewed != token
    assert make().get("a:b") == renewed
    assert authority.hits["/token"] == 2


def test_invalidated_token_does_not_come_back(make: Make, store: DictStore, authority: StubAuthority) -> None:
    """After invalidate a new token is fetched, for all; one that another process has fetched meanwhile is used."""
    one, two = make(), make()
    bad = one.get("a:b")
    assert two.get("a:b") == bad
    one.invalidate(bad)
    good = one.get("a:b")
    two.invalidate(bad)

    assert two.get("a:b") == good != bad
    assert authority.hits["/token"] == 2
    assert "drop" in store.calls


def test_invalidated_token_is_gone_though_no_new_one_is_had(
    make: Make, store: DictStore, authority: StubAuthority
) -> None:
    """A refused token is taken from the store even if the authority is away."""
    client = make()
    bad = client.get("a:b")
    client.invalidate(bad)
    authority.down.add("/token")
    with pytest.raises(Unavailable):
        client.get("a:b")
    assert store.kept == {}


def test_force_asks_past_the_store(make: Make, authority: StubAuthority) -> None:
    """force=True fetches whatever the store holds, and the others get the result."""
    one, two = make(), make()
    first = one.get("a:b")
    forced = two.get("a:b", force=True)
    assert forced != first
    assert make().get("a:b") == forced
    assert authority.hits["/token"] == 2


def test_token_in_its_margin_is_better_than_none(make: Make, authority: StubAuthority, clock: ManualClock) -> None:
    """A process that starts while the authority is away uses the rest of a life that it finds in the store."""
    token = make().get("a:b")
    authority.down.add("/token")
    clock.advance(570)
    late = make()
    assert late.get("a:b") == token
    assert late.get("a:b") == token
    clock.advance(31)
    with pytest.raises(Unavailable):
        late.get("a:b")


def test_refusal_ends_the_turn_of_its_process_only(make: Make, store: DictStore, authority: StubAuthority) -> None:
    """Who is refused gives the lock up."""
    authority.scripts["/token"].append(Answer.error(400, "invalid_scope", "no"))
    with pytest.raises(Rejected):
        make().get("a:b")
    assert store.locks == {}
    assert make().get("a:b").value


def test_lock_that_is_never_given_up_costs_a_bounded_wait(
    make: Make, store: DictStore, authority: StubAuthority
) -> None:
    """Behind a holder that hangs, a process waits for half its deadline and then asks the authority itself."""
    make().get("a:b")
    (key,) = store.kept
    store.kept.clear()
    store.locks[key] = object()
    assert make(deadline=0.2).get("a:b").value
    store.kept.clear()
    assert make().get("a:b", deadline=0.6).value
    assert authority.hits["/token"] == 3


def test_waiting_ends_when_the_token_is_there(make: Make, store: DictStore, authority: StubAuthority) -> None:
    """Who waits for a lock looks for the token too, and needs no lock to use it."""
    token = make().get("a:b")
    ((key, blob),) = store.kept.items()
    store.kept.clear()
    store.locks[key] = object()
    waited: list[Token] = []
    waiter = threading.Thread(target=lambda: waited.append(make(deadline=60.0).get("a:b")))
    waiter.start()
    while store.calls.count("lock") < 4:
        pass
    store.kept[key] = blob
    waiter.join(10)
    assert waited == [token]
    assert authority.hits["/token"] == 1


@pytest.mark.parametrize("at", ["get", "lock", "put", "drop", "release"])
def test_store_that_fails_costs_no_token(
    make: Make, store: DictStore, authority: StubAuthority, caplog: pytest.LogCaptureFixture, at: str
) -> None:
    """Whatever the store fails at, tokens are had; the log says so once, by the kind of error alone."""

    def fail(call: str) -> None:
        if call == at:
            raise OSError("redis://user:hunter2@host failed")

    store.before = fail
    client = make()
    for scope in ("a:1", "a:2", "a:3"):
        token = client.get(scope)
        client.invalidate(token)
        assert client.get(scope) != token

    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "OSError" in warnings[0]
    assert "hunter2" not in caplog.text
    assert authority.hits["/token"] == 6


def test_loop_goes_on_while_the_store_blocks(config: ClientConfig, clock: ManualClock, store: DictStore) -> None:
    """Whatever the store does runs in threads: the loop that waits for it is the one that sets it free."""
    freed = threading.Event()
    store.before = lambda _: _expect(freed.wait(10))

    async def main() -> None:
        async with AsyncTokenClient(config, clock=clock, store=store) as client:
            fetching = asyncio.create_task(client.get("a:b"))
            while not store.calls:  # noqa: ASYNC110 - the store is called in other threads
                await asyncio.sleep(0.001)
            freed.set()
            token = await fetching
            freed.clear()
            client.invalidate(token)
            freed.set()
            assert await client.get("a:b") != token

    asyncio.run(main())


def test_cancelled_flight_gives_its_lock_up(config: ClientConfig, authority: StubAuthority, store: DictStore) -> None:
    """A loop that ends while it fetches leaves no lock behind, not even one it was just about to get."""

    async def main() -> None:
        async with AsyncTokenClient(config, store=store) as client:
            task = asyncio.create_task(client.get("a:b"))
            while "lock" not in store.calls:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.001)
        with pytest.raises(Unavailable):
            await task

    for _ in range(5):
        with authority.held():
            asyncio.run(main())
        assert store.locks == {}
        store.calls.clear()


def _expect(held: bool) -> None:
    assert held, "the loop was blocked"


@pytest.mark.parametrize("refusal", [Answer.error(400, "invalid_scope", "no"), Answer(429, b"", {"Retry-After": "60"})])
def test_refusal_of_one_does_not_hide_the_token_of_another(
    make: Make, store: DictStore, authority: StubAuthority, refusal: Answer
) -> None:
    """A process that remembers a refusal sends nothing, and uses a token that another gets meanwhile."""
    authority.scripts["/token"].append(refusal)
    refused = make()
    for _ in range(3):
        with pytest.raises((Rejected, Throttled)):
            refused.get("a:b")
    assert authority.hits["/token"] == 1

    token = make().get("a:b")
    assert refused.get("a:b") == token
    assert authority.hits["/token"] == 2
    assert store.locks == {}
