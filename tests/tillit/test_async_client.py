"""The asyncio client against a real HTTP authority."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import (
    AsyncTokenClient,
    ClientConfig,
    RefreshPolicy,
    Rejected,
    RetryPolicy,
    TokenClient,
    Unavailable,
    signers,
)


@pytest.fixture
def client(config: ClientConfig, clock: ManualClock, at_once: RetryPolicy) -> AsyncTokenClient:
    return AsyncTokenClient(config, clock=clock, retry=at_once, refresh=RefreshPolicy(jitter=0.0))


async def until_asked(authority: StubAuthority, times: int = 1) -> None:
    """Wait until the token endpoint has been asked."""
    while authority.hits.get("/token", 0) < times:  # noqa: ASYNC110 - the stub lives in other threads
        await asyncio.sleep(0.005)


def test_two_hundred_tasks_cause_one_request(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """However many tasks ask at once, one request is sent, and all get its token."""

    async def main() -> set[str]:
        tasks = [asyncio.create_task(client.get("a:b")) for _ in range(200)]
        return {token.value for token in await asyncio.gather(*tasks)}

    assert len(asyncio.run(main())) == 1
    assert authority.hits["/token"] == 1


def test_two_event_loops_share_one_request(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """Tasks on two loops in two threads wait for the same flight."""
    values: set[str] = set()

    async def ask() -> None:
        tokens = await asyncio.gather(*(client.get("a:b") for _ in range(100)))
        values.update(token.value for token in tokens)

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(2)]
    with authority.held():
        for thread in threads:
            thread.start()
        asyncio.run(until_asked(authority))
    for thread in threads:
        thread.join()

    assert len(values) == 1
    assert authority.hits["/token"] == 1


def test_cancelled_waiter_does_not_cancel_the_flight(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """The task that asked first is cancelled; the others get the token it had asked for."""

    async def main() -> None:
        with authority.held():
            first = asyncio.create_task(client.get("a:b"))
            second = asyncio.create_task(client.get("a:b"))
            await until_asked(authority)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        await second

    asyncio.run(main())
    assert authority.hits["/token"] == 1


def test_loop_that_stops_leaves_no_dead_flight_behind(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """A flight whose loop was closed under it is replaced by the next caller's."""
    loop = asyncio.new_event_loop()
    with authority.held():
        task = loop.create_task(client.get("a:b"))
        loop.run_until_complete(until_asked(authority))
        pending = asyncio.all_tasks(loop)

    token = asyncio.run(client.get("a:b"))

    assert token.value
    assert not task.done()
    for left in pending:
        left.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.close()


def test_client_outlives_event_loops(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """Nothing of a finished loop is needed by the next."""
    first = asyncio.run(client.get("a:b"))

    assert asyncio.run(client.get("a:b")) is first
    assert asyncio.run(client.get("c:d")).value
    assert authority.hits["/token"] == 2


def test_retry_is_signed_anew(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """Every attempt has its own jti."""
    authority.scripts["/token"].extend([Answer(502, b""), Answer(200, None)])

    asyncio.run(client.get("a:b"))

    assert len({sent["jti"] for sent in authority.assertions}) == 3


def test_refusal_is_remembered(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """The second call fails at once with the first call's error."""
    authority.scripts["/token"].append(Answer.error(403, "forbidden", "Consumer has not delegated access. MP-251"))

    async def main() -> list[Rejected]:
        errors = []
        for _ in range(2):
            with pytest.raises(Rejected) as caught:
                await client.get("a:b")
            errors.append(caught.value)
        return errors

    first, second = asyncio.run(main())
    assert (first.code, first.mp_code, first.status, first.remembered) == ("forbidden", "MP-251", 403, False)
    assert (second.code, second.mp_code, second.status, second.remembered) == ("forbidden", "MP-251", 403, True)


def test_renewal_begins_behind_the_callers_back(
    client: AsyncTokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """A token due for renewal is handed out at once, and replaced when the renewal lands."""

    async def main() -> None:
        first = await client.get("a:b")
        clock.advance(451)
        with authority.held():
            assert await client.get("a:b") is first
            await until_asked(authority, 2)
        while client.peek("a:b") is first:  # noqa: ASYNC110 - nothing tells of a renewal that nobody waits for
            await asyncio.sleep(0.005)

    asyncio.run(main())
    assert authority.hits["/token"] == 2


def test_token_in_its_margin_survives_an_outage(
    client: AsyncTokenClient, authority: StubAuthority, clock: ManualClock
) -> None:
    """When no new token can be had, one that has seconds left is better than none."""

    async def main() -> None:
        first = await client.get("a:b")
        authority.down.add("/token")
        clock.advance(595)
        assert await client.get("a:b") is first
        clock.advance(5)
        with pytest.raises(Unavailable):
            await client.get("a:b")

    asyncio.run(main())


def test_asynchronous_signer_is_awaited(authority: StubAuthority, config: ClientConfig) -> None:
    """A coroutine function may sign; the sync client says that it cannot use one."""

    async def remote(data: bytes) -> bytes:
        await asyncio.sleep(0)
        signature = config.signer.sign(data)
        assert isinstance(signature, bytes)
        return signature

    signer = signers.from_callable("Ed25519", "k1", remote)
    asyncio.run(AsyncTokenClient(ClientConfig(authority.issuer, "client-1", signer)).get("a:b"))
    assert authority.assertions[0]["header"]["kid"] == "k1"


def test_blocking_signer_does_not_run_on_the_loop(authority: StubAuthority, config: ClientConfig) -> None:
    """A signer that may block is called in another thread."""
    threads: list[int] = []

    def blocking(data: bytes) -> bytes:
        threads.append(threading.get_ident())
        signature = config.signer.sign(data)
        assert isinstance(signature, bytes)
        return signature

    signer = signers.from_callable("Ed25519", "k1", blocking)
    asyncio.run(AsyncTokenClient(ClientConfig(authority.issuer, "client-1", signer)).get("a:b"))
    assert threads
    assert threading.get_ident() not in threads


def test_caller_with_a_deadline_gives_up(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """A deadline ends the wait with Unavailable; the fetch goes on for the next caller."""

    async def main() -> None:
        with authority.held(), pytest.raises(Unavailable, match="no answer within"):
            await client.get("a:b", deadline=0.05)
        await client.get("a:b")

    asyncio.run(main())
    assert authority.hits["/token"] == 1


def test_closing_ends_what_is_under_way(client: AsyncTokenClient, authority: StubAuthority) -> None:
    """Who waits when the client is closed gets Unavailable, not silence."""

    async def main() -> None:
        with authority.held():
            async with client:
                waiting = asyncio.create_task(client.get("a:b"))
                await until_asked(authority)
            with pytest.raises(Unavailable, match="stopped"):
                await waiting

    asyncio.run(main())


def test_store_may_be_shared_with_a_sync_client(
    client: AsyncTokenClient, config: ClientConfig, clock: ManualClock, authority: StubAuthority
) -> None:
    """A sync and an async client on one store share tokens."""
    sync = TokenClient(config, clock=clock, store=client._store)
    token = sync.get("a:b")
    assert asyncio.run(client.get("a:b")) is token


def test_injected_http_client_is_used(authority: StubAuthority, config: ClientConfig) -> None:
    """Metadata and tokens are fetched through the caller's client, which stays open."""

    async def main() -> None:
        async with httpx2.AsyncClient() as http:
            async with AsyncTokenClient(config, http=http) as client:
                await client.get("a:b")
            assert not http.is_closed

    asyncio.run(main())
    assert authority.hits["/token"] == 1
