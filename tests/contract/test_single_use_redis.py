"""What only a memory apart from the database can do: forget, freeze, fail over, be set up wrongly."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool

from authserver.grants.ports import Spending, Spent
from authserver.oauth.unavailable import Unavailable
from authserver.storage.redis_client import check_redis, open_redis
from authserver.storage.single_use_redis import RedisSingleUse
from tests.contract.conftest import Closer
from tests.contract.registry import NOW
from tests.support import servers

pytestmark = pytest.mark.anyio


def spending(assertion_id: str) -> Spending:
    return Spending("client-1", assertion_id, NOW + 150)


def node(url: str, close_later: Closer, namespace: str = "tillit", pause_seconds: int = 300) -> RedisSingleUse:
    memory = RedisSingleUse(open_redis(url), namespace=namespace, pause_seconds=pause_seconds)
    close_later(memory.close)
    return memory


async def first_use(memory: RedisSingleUse, assertion_id: str) -> bool:
    return (await memory.spend(spending(assertion_id), NOW)).first_use


async def until_available(memory: RedisSingleUse, prefix: str) -> None:
    """Return when a spend succeeds again."""
    for number in range(600):
        try:
            await memory.spend(spending(f"{prefix}-{number}"), NOW)
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the memory never became available")


@pytest.fixture
def server() -> Iterator[servers.ValkeyServer]:
    """A Valkey of the test's own, to be hurt."""
    with servers.valkey() as running:
        yield running


async def test_a_memory_new_to_us_is_not_trusted(server: servers.ValkeyServer, closing: Closer) -> None:
    """Before the pause is over nothing is spent, for certain; a fresh authority may lift it."""
    memory = node(server.url, closing)
    await memory.publish_epoch(3)
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await first_use(memory, "jti-1")
        assert refused.value.certain
    await memory.publish_epoch(3)
    await memory.lift_pause()
    assert await memory.spend(spending("jti-1"), NOW) == Spent(first_use=True, epoch=3)


async def test_a_memory_without_epoch_is_not_trusted(server: servers.ValkeyServer, closing: Closer) -> None:
    """Until an epoch was announced nothing is spent: what was revoked could not be known."""
    memory = node(server.url, closing)
    await memory.lift_pause()
    with pytest.raises(Unavailable) as refused:
        await first_use(memory, "jti-1")
    assert refused.value.certain
    await memory.publish_epoch(0)
    assert await first_use(memory, "jti-1")


async def test_a_memory_that_restarted_pauses(server: servers.ValkeyServer, closing: Closer) -> None:
    """After a restart that forgot everything no spent assertion is accepted: the pause outlasts them all."""
    memory = node(server.url, closing, pause_seconds=1)
    await memory.publish_epoch(1)
    await memory.lift_pause()
    assert await first_use(memory, "jti-1")
    server.kill()
    with pytest.raises(Unavailable):
        await first_use(memory, "jti-1")
    server.start()
    with pytest.raises(Unavailable) as refused:
        await first_use(memory, "jti-1")
    assert refused.value.certain
    await memory.publish_epoch(1)
    assert int(server.cli("PTTL", "{tillit:0/1}:pause")) > 0
    await until_available(memory, "after")


async def test_a_memory_restored_from_disk_pauses_too(closing: Closer) -> None:
    """A restart that kept most of its data, as a failover does, pauses too, and forgets its old epoch."""
    with servers.valkey("--appendonly", "yes", "--appendfsync", "always") as server:
        memory = node(server.url, closing)
        await memory.publish_epoch(5)
        await memory.lift_pause()
        assert await first_use(memory, "jti-1")
        server.kill()
        server.start()
        assert server.cli("GET", "{tillit:0/1}:epoch") == "5"
        # The first may meet no more than the end of the old connection.
        for attempt in range(2):
            with pytest.raises(Unavailable):
                await first_use(memory, f"after-{attempt}")
        assert server.cli("EXISTS", "{tillit:0/1}:epoch") == "0"


async def test_an_announcement_lets_a_forgetful_memory_serve_at_once(
    server: servers.ValkeyServer, closing: Closer
) -> None:
    """Where something else has the last word, a restart costs no pause, and the epoch served is the latest."""
    memory = node(server.url, closing)

    async def latest() -> int:
        return 7

    await memory.announce(latest)
    assert await memory.spend(spending("jti-1"), NOW) == Spent(first_use=True, epoch=7)
    server.kill()
    server.start()
    with pytest.raises(Unavailable):
        await first_use(memory, "jti-2")
    await memory.announce(latest)
    assert await memory.spend(spending("jti-3"), NOW) == Spent(first_use=True, epoch=7)


async def test_an_idle_connection_that_died_with_the_server_costs_no_spend(
    server: servers.ValkeyServer, closing: Closer
) -> None:
    """Once one process has let a restarted server serve, the first spend of another, idle until then, is answered."""
    busy, idle = node(server.url, closing, pause_seconds=0), node(server.url, closing, pause_seconds=0)
    await busy.announce(lambda: asyncio.sleep(0, 4))
    assert await first_use(idle, "jti-1")
    # In a thread: the loop goes on, as it does in a process that serves.
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await busy.announce(lambda: asyncio.sleep(0, 4))
    assert await idle.spend(spending("jti-2"), NOW) == Spent(first_use=True, epoch=4)


async def test_an_announcement_read_before_a_restart_serves_nothing(
    server: servers.ValkeyServer, closing: Closer
) -> None:
    """An epoch read while an earlier run still served may be older than what that run had announced."""
    memory = node(server.url, closing)
    await memory.announce(lambda: asyncio.sleep(0, 3))

    async def restart_meanwhile() -> int:
        server.kill()
        server.start()
        return 3

    with suppress(Unavailable):  # the first word to the new run may meet the end of the old connection
        await memory.announce(restart_meanwhile)
    for attempt in range(2):
        with pytest.raises(Unavailable):
            await first_use(memory, f"jti-{attempt}")


async def test_an_older_epoch_published_late_serves_nothing(server: servers.ValkeyServer, closing: Closer) -> None:
    """After a restart a change that is published behind a newer, forgotten one does not bring back its policy."""
    memory = node(server.url, closing, pause_seconds=0)
    await memory.announce(lambda: asyncio.sleep(0, 2))
    assert await first_use(memory, "jti-1")
    server.kill()
    server.start()
    for attempt in range(2):
        with pytest.raises(Unavailable):
            await first_use(memory, f"before-{attempt}")
    await memory.publish_epoch(1)
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable):
        await first_use(memory, "after")
    await memory.announce(lambda: asyncio.sleep(0, 2))
    assert await memory.spend(spending("jti-2"), NOW) == Spent(first_use=True, epoch=2)


async def test_a_flushed_memory_pauses(server: servers.ValkeyServer, closing: Closer) -> None:
    """An operator who empties the running server opens no replay."""
    memory = node(server.url, closing)
    await memory.publish_epoch(1)
    await memory.lift_pause()
    assert await first_use(memory, "jti-1")
    server.cli("FLUSHALL")
    with pytest.raises(Unavailable):
        await first_use(memory, "jti-1")


async def test_an_announced_epoch_never_goes_back(server: servers.ValkeyServer, closing: Closer) -> None:
    """Announcements that overtake each other leave the highest epoch."""
    memory = node(server.url, closing)
    await memory.lift_pause()
    await asyncio.gather(*(memory.publish_epoch(epoch) for epoch in (3, 12, 9, 10)))
    assert (await memory.spend(spending("jti-1"), NOW)).epoch == 12


async def test_a_spend_is_remembered_as_long_as_asked(server: servers.ValkeyServer, closing: Closer) -> None:
    """The memory of a spend lives for the time between now and its end, whatever the server's clock says."""
    memory = node(server.url, closing)
    await memory.publish_epoch(1)
    await memory.lift_pause()
    await memory.spend(spending("jti-1"), NOW)
    await memory.spend(Spending("client-1", "past", NOW - 100), NOW)
    lives = [int(server.cli("PTTL", key)) for key in server.cli("KEYS", "*spent*").split()]
    assert len(lives) == 2
    assert 100_000 < max(lives) <= 150_000
    assert min(lives) <= 1000


async def test_a_frozen_memory_is_unavailable(server: servers.ValkeyServer, closing: Closer) -> None:
    """A server that holds its connections and answers nothing fails spends and announcements, uncertainly."""
    memory = node(server.url, closing)
    await memory.publish_epoch(1)
    await memory.lift_pause()
    assert await first_use(memory, "jti-1")
    server.signal(signal.SIGSTOP)
    answers = await asyncio.gather(first_use(memory, "jti-2"), memory.publish_epoch(2), return_exceptions=True)
    assert [isinstance(answer, Unavailable) and answer.certain for answer in answers] == [False, False]
    assert all(isinstance(answer, Unavailable) for answer in answers)
    server.signal(signal.SIGCONT)
    await until_available(memory, "after")
    assert not await first_use(memory, "jti-1")


async def test_a_full_memory_is_unavailable(server: servers.ValkeyServer, closing: Closer) -> None:
    """A server without room forgets nothing and takes nothing: closed."""
    memory = node(server.url, closing)
    await memory.publish_epoch(1)
    await memory.lift_pause()
    assert await first_use(memory, "jti-1")
    server.cli("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(Unavailable):
        await first_use(memory, "jti-2")
    server.cli("CONFIG", "SET", "maxmemory", "0")
    assert not await first_use(memory, "jti-1")


async def test_a_good_server_passes_the_check(server: servers.ValkeyServer, closing: Closer) -> None:
    """The check finds nothing to say of a server that is as it must be."""
    client = open_redis(server.url)
    closing(client.aclose)
    assert await check_redis(client) == []


async def test_the_check_says_what_is_wrong(server: servers.ValkeyServer, closing: Closer) -> None:
    """An evicting server, a replica and a silent one are each told in a sentence."""
    client = open_redis(server.url)
    closing(client.aclose)
    server.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    (policy,) = await check_redis(client)
    assert "noeviction" in policy
    server.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.cli("REPLICAOF", "127.0.0.1", "1")
    (role,) = await check_redis(client)
    assert "replica" in role
    server.kill()
    (silence,) = await check_redis(client)
    assert silence.startswith("Redis does not answer")


@pytest.mark.parametrize(
    "url", ["http://x", "redis", "", "redis+sentinel://host/service", "redis+sentinel://host:1", "memcached://x"]
)
async def test_other_addresses_are_refused(url: str) -> None:
    """An address we do not take is a ValueError before anything is opened."""
    with pytest.raises(ValueError, match="URL"):
        open_redis(url)


async def test_a_sentinel_address_names_the_primary(closing: Closer) -> None:
    """The client of a Sentinel address asks the sentinels named there for the service named there."""
    client = open_redis("redis+sentinel://user:p%40ss@10.0.0.1:26379,10.0.0.2:26380/tillit")
    closing(client.aclose)
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "tillit"
    assert [
        tuple(one.connection_pool.connection_kwargs[key] for key in ("host", "port"))
        for one in pool.sentinel_manager.sentinels
    ] == [
        ("10.0.0.1", 26379),
        ("10.0.0.2", 26380),
    ]
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["password"]) == ("user", "p@ss")


async def test_a_cluster_spends_once_and_fails_closed(careless_client: None, closing: Closer) -> None:
    """In a Cluster two nodes agree; without one primary its share is refused, announcements too, the rest goes on."""
    with servers.valkey_cluster() as primaries:
        url = f"redis+cluster://127.0.0.1:{primaries[0].port}"
        left, right = node(url, closing), node(url, closing)
        await left.publish_epoch(4)
        await left.lift_pause()
        answers = await asyncio.gather(
            *((left, right)[number % 2].spend(spending(f"jti-{number // 4}"), NOW) for number in range(200))
        )
        assert sum(answer.first_use for answer in answers) == 50
        assert {answer.epoch for answer in answers} == {4}
        client = open_redis(url)
        closing(client.aclose)
        assert await check_redis(client) == []

        primaries[1].kill()
        after = await asyncio.gather(
            *(left.spend(spending(f"jti-{number}"), NOW) for number in range(100)), return_exceptions=True
        )
        lost = [answer for answer in after if isinstance(answer, Unavailable)]
        assert 0 < len(lost) < 100
        held = [answer.first_use for answer in after[:50] if not isinstance(answer, BaseException)]
        assert not any(held)
        with pytest.raises(Unavailable) as refused:
            await left.publish_epoch(5)
        assert not refused.value.certain
