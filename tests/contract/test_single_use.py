"""Single use, on every memory there is: one first use, whatever the race, and a policy epoch that is never old."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from authserver.grants.ports import SingleUse, Spending
from authserver.oauth.models import Organisation
from authserver.storage import single_use_sql
from authserver.storage.database import Database, open_database
from authserver.storage.redis_client import open_redis
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.single_use_redis import RedisSingleUse
from authserver.storage.single_use_sql import CLOCK_SECONDS, SqlSingleUse
from tests.contract.conftest import Closer
from tests.contract.registry import NOW, OWNER, put
from tests.support import servers

pytestmark = pytest.mark.anyio

MEMORIES = ("sqlite", "postgresql", "valkey", "valkey_cluster")


class Memory(SingleUse, Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Shared:
    """One memory of spent assertions: `node` opens it as one more node does, `advance` moves the policy epoch."""

    node: Callable[[], Memory]
    advance: Callable[[], Awaitable[int]]


def spending(assertion_id: str = "jti-1", issuer: str = "client-1") -> Spending:
    return Spending(issuer, assertion_id, NOW + 150)


def sql_memory(url: str, close_later: Closer) -> Shared:
    def opened() -> Database:
        database = open_database(url)
        close_later(database.close)
        return database

    def node() -> SqlSingleUse:
        single_use = SqlSingleUse(opened())
        close_later(single_use.close)
        return single_use

    store = SqlRegistryStore(opened())

    async def advance() -> int:
        return await put(store, Organisation(OWNER, "Skatteetaten"))

    return Shared(node, advance)


async def valkey_memory(url: str, namespace: str, close_later: Closer) -> Shared:
    def node() -> RedisSingleUse:
        # Three partitions on one server, so that a batch is split and put together again as in a Cluster.
        single_use = RedisSingleUse(open_redis(url), namespace=namespace, partitions=3)
        close_later(single_use.close)
        return single_use

    first = node()
    epochs = iter(range(1, 1000))
    await first.publish_epoch(0)
    await first.lift_pause()

    async def advance() -> int:
        epoch = next(epochs)
        await first.publish_epoch(epoch)
        return epoch

    return Shared(node, advance)


@pytest.fixture(params=MEMORIES)
def memory_address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The kind of memory and where it is."""
    if request.param == "valkey_cluster":
        request.getfixturevalue("careless_client")
    if request.param == "valkey":
        server: servers.ValkeyServer = request.getfixturevalue("valkey_server")
        return request.param, server.url
    return request.param, str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def shared(memory_address: tuple[str, str], names: Iterator[int], closing: Closer) -> Shared:
    """A fresh memory of each kind in turn."""
    kind, url = memory_address
    if kind.startswith("valkey"):
        return await valkey_memory(url, f"test{next(names)}", closing)
    return sql_memory(url, closing)


async def test_the_second_use_is_no_first(shared: Shared) -> None:
    """An assertion is a first use once; another id, or the same id of another issuer, is another assertion."""
    memory = shared.node()
    assert (await memory.spend(spending(), NOW)).first_use
    assert not (await memory.spend(spending(), NOW)).first_use
    assert (await memory.spend(spending("jti-2"), NOW)).first_use
    assert (await memory.spend(spending("JTI-1"), NOW)).first_use
    assert (await memory.spend(spending(issuer="client-2"), NOW)).first_use


async def test_every_node_shares_the_memory(shared: Shared) -> None:
    """What one node spent is spent for another, also one that starts later."""
    assert (await shared.node().spend(spending(), NOW)).first_use
    assert not (await shared.node().spend(spending(), NOW)).first_use


async def test_of_200_concurrent_uses_on_two_nodes_one_is_first(shared: Shared) -> None:
    """Identical assertions posted at once to two nodes give one first use."""
    nodes = [shared.node(), shared.node()]
    for attempt in range(5):
        spent = await asyncio.gather(
            *(nodes[number % 2].spend(spending(f"jti-{attempt}"), NOW) for number in range(200))
        )
        assert sum(answer.first_use for answer in spent) == 1


async def test_overlapping_batches_in_any_order_have_one_winner_each(shared: Shared) -> None:
    """Two nodes that spend the same many assertions in opposite orders neither block each other nor both win."""
    left, right = shared.node(), shared.node()
    for attempt in range(8):
        ids = [f"jti-{attempt}-{number}" for number in range(400)]
        answers = await asyncio.gather(
            *(left.spend(spending(one), NOW) for one in ids),
            *(right.spend(spending(one), NOW) for one in reversed(ids)),
        )
        first = [answer.first_use for answer in answers]
        assert [one + other for one, other in zip(first[:400], reversed(first[400:]), strict=True)] == [1] * 400


async def test_each_gets_its_own_answer(shared: Shared) -> None:
    """In a batch of new and spent assertions each caller hears of its own."""
    memory = shared.node()
    await asyncio.gather(*(memory.spend(spending(f"jti-{number}"), NOW) for number in range(0, 100, 2)))
    answers = await asyncio.gather(*(memory.spend(spending(f"jti-{number}"), NOW) for number in range(100)))
    assert [answer.first_use for answer in answers] == [number % 2 == 1 for number in range(100)]


async def test_an_assertion_given_back_can_be_used_once_more(shared: Shared) -> None:
    """Release undoes one spend, and only that one."""
    memory = shared.node()
    await memory.spend(spending(), NOW)
    await memory.spend(spending("jti-2"), NOW)
    await memory.release(spending())
    assert (await memory.spend(spending(), NOW)).first_use
    assert not (await memory.spend(spending(), NOW)).first_use
    assert not (await memory.spend(spending("jti-2"), NOW)).first_use


async def test_a_spend_that_begins_after_a_change_knows_its_epoch(shared: Shared) -> None:
    """While others spend without pause, no spend begun after a change returned brings an older epoch."""
    nodes = [shared.node(), shared.node()]
    done = asyncio.Event()

    async def traffic(lane: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            await nodes[lane % 2].spend(spending(f"{lane}-{number}"), NOW)

    lanes = [asyncio.create_task(traffic(lane)) for lane in range(8)]
    for change in range(15):
        epoch = await shared.advance()
        answers = await asyncio.gather(*(node.spend(spending(f"after-{change}-{id(node)}"), NOW) for node in nodes))
        assert all(answer.epoch >= epoch for answer in answers)
    done.set()
    await asyncio.gather(*lanes)


@pytest.mark.parametrize("assertion_id", ["", "\0", "a\0b", "\ud800", "æ" * 5000, "'; --", "{x}", "\x7f\x00\xff"])
async def test_any_text_is_an_id(shared: Shared, assertion_id: str) -> None:
    """An id that a database would choke on is spent once like any other, and does not fail its neighbours."""
    memory = shared.node()
    answers = await asyncio.gather(memory.spend(spending(assertion_id), NOW), memory.spend(spending("plain"), NOW))
    assert [answer.first_use for answer in answers] == [True, True]
    assert not (await memory.spend(spending(assertion_id), NOW)).first_use


async def test_closing_answers_those_who_wait(shared: Shared) -> None:
    """A node that closes while requests wait answers them first."""
    memory = shared.node()
    waiting = [asyncio.create_task(memory.spend(spending(f"jti-{number}"), NOW)) for number in range(20)]
    await asyncio.sleep(0)
    await memory.close()
    assert all([(await task).first_use for task in waiting])


async def test_of_uses_in_many_processes_one_is_first(memory_address: tuple[str, str], closing: Closer) -> None:
    """Processes that spend the same assertions at once share out the first uses without doubling any."""
    kind, url = memory_address
    if kind.startswith("valkey"):
        await valkey_memory(url, "processes", closing)
    program = [sys.executable, "-m", "tests.contract.spend_process", kind, url]
    root = Path(__file__).parents[2]
    processes = [
        await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, cwd=root) for _ in range(3)
    ]
    printed = [(await process.communicate())[0].decode().split() for process in processes]
    first = [one for line in printed for one in line]
    assert sorted(first) == sorted(f"jti-{number}" for number in range(100))


async def test_purge_forgets_what_has_passed_alone(database: Database, closing: Closer) -> None:
    """Purging deletes assertions whose time has passed by any clock and keeps those that must still be remembered."""
    memory = SqlSingleUse(database)
    closing(memory.close)
    await memory.spend(Spending("client-1", "old", NOW - 1), NOW - 100)
    await memory.spend(Spending("client-1", "new", NOW), NOW)
    assert await memory.purge(NOW) == 0
    assert await memory.purge(NOW + CLOCK_SECONDS) == 1
    assert await memory.purge(NOW + CLOCK_SECONDS) == 0
    assert (await memory.spend(Spending("client-1", "old", NOW - 1), NOW)).first_use
    assert not (await memory.spend(Spending("client-1", "new", NOW), NOW)).first_use


async def test_purge_leaves_nothing_for_later(
    database: Database, closing: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much has passed since the last purge, it is cleared away, some of it in each transaction."""
    monkeypatch.setattr(single_use_sql, "MOST_PURGED", 2)
    memory = SqlSingleUse(database)
    closing(memory.close)
    await asyncio.gather(*(memory.spend(Spending("client-1", str(number), NOW), NOW) for number in range(5)))
    assert await memory.purge(NOW + CLOCK_SECONDS + 1) == 5
