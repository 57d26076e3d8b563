"""The node's snapshot: never older than the epoch it claims, whatever the races."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace

import pytest

from authserver.grants.ports import Registry
from authserver.oauth.models import Client, ClientKey, Fact, Organisation, Ref
from authserver.oauth.unavailable import Unavailable
from authserver.storage import registry_store
from authserver.storage.registry_store import ChangedSince, SqlRegistryStore
from authserver.storage.snapshot import Snapshot
from tests.contract.registry import (
    ABSENT,
    CLIENT,
    CONSUMER,
    DELEGATION,
    KEY,
    NOW,
    OWNER,
    P256,
    RECORDS,
    REFS,
    fill,
    put,
)

pytestmark = pytest.mark.anyio

OFF = replace(CLIENT, active=False)
RENAMED = Organisation(CONSUMER, "Renamed")


class Gate:
    """Lets calls pass, or holds them until told."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def hold(self) -> None:
        self.reached.clear()
        self.open.clear()

    async def wait(self) -> None:
        self.reached.set()
        await self.open.wait()


class Watched:
    """The real store, with its calls noted and its answers held back on demand, after they were read."""

    def __init__(self, store: SqlRegistryStore) -> None:
        self.store = store
        self.loads: list[set[Ref]] = []
        self.epoch_reads = 0
        self.log_reads = 0
        self.loaded, self.read, self.logged = Gate(), Gate(), Gate()

    async def epoch(self) -> int:
        self.epoch_reads += 1
        epoch = await self.store.epoch()
        await self.read.wait()
        return epoch

    async def load(self, refs: Collection[Ref]) -> tuple[int, Mapping[Ref, Fact]]:
        self.loads.append(set(refs))
        answer = await self.store.load(refs)
        await self.loaded.wait()
        return answer

    async def changes_since(self, epoch: int) -> ChangedSince:
        self.log_reads += 1
        answer = await self.store.changes_since(epoch)
        await self.logged.wait()
        return answer


@pytest.fixture
async def source(store: SqlRegistryStore) -> Watched:
    """A filled registry, watched."""
    await fill(store)
    return Watched(store)


@pytest.fixture
async def snapshot(source: Watched) -> AsyncIterator[Snapshot]:
    """A snapshot at epoch 1 that holds nothing yet. What a test leaves under way ends before its database does."""
    snapshot = Snapshot(source, lambda: NOW)
    await snapshot.refresh()
    assert snapshot.epoch == 1
    yield snapshot
    for gate in (source.loaded, source.read, source.logged):
        gate.open.set()
    await snapshot.close()


async def test_the_snapshot_fills_its_port(store: SqlRegistryStore) -> None:
    """The type checker holds the snapshot to the port; this line is what it checks."""
    port: Registry = Snapshot(store, lambda: NOW)
    assert port.epoch == 0


async def test_facts_are_loaded_once(snapshot: Snapshot, source: Watched) -> None:
    """What was asked for once, present or absent, is answered from memory after."""
    first = await snapshot.facts([*REFS, *ABSENT])
    assert [first[ref] for ref in REFS] == [*RECORDS[:-1], (DELEGATION,)]
    assert [first[ref] for ref in ABSENT] == [None, None, ()]
    assert await snapshot.facts([*REFS, *ABSENT]) == first
    assert len(source.loads) == 1


async def test_only_what_is_missing_is_loaded(snapshot: Snapshot, source: Watched) -> None:
    """A request that finds part of its facts in memory loads the rest alone."""
    await snapshot.facts(REFS[:3])
    await snapshot.facts(REFS)
    assert source.loads == [set(REFS[:3]), set(REFS[3:])]


async def test_concurrent_misses_share_one_load(snapshot: Snapshot, source: Watched) -> None:
    """A hundred requests for the same client, while it is loaded, cost one load."""
    source.loaded.hold()
    asking = [asyncio.create_task(snapshot.facts([CLIENT.ref])) for _ in range(100)]
    await source.loaded.reached.wait()
    asking += [asyncio.create_task(snapshot.facts([CLIENT.ref])) for _ in range(100)]
    await asyncio.sleep(0)
    source.loaded.open.set()
    answers = await asyncio.gather(*asking)
    assert all(answer == {CLIENT.ref: CLIENT} for answer in answers)
    assert len(source.loads) == 1


async def test_a_load_from_before_a_change_is_done_again(snapshot: Snapshot, source: Watched) -> None:
    """A load paused across a revocation that the snapshot has followed returns and keeps only what is true since."""
    source.loaded.hold()
    asking = asyncio.create_task(snapshot.facts([CLIENT.ref]))
    await source.loaded.reached.wait()
    epoch = await put(source.store, OFF)
    await snapshot.follow(epoch)
    source.loaded.open.set()
    assert (await asking)[CLIENT.ref] == OFF
    assert (await snapshot.facts([CLIENT.ref]))[CLIENT.ref] == OFF
    assert source.loads == [{CLIENT.ref}] * 2


async def test_a_load_from_before_a_change_of_what_was_absent_is_done_again(
    snapshot: Snapshot, source: Watched
) -> None:
    """The same holds for an absence: what was created meanwhile is found."""
    created = replace(CLIENT, client_id="nobody")
    source.loaded.hold()
    asking = asyncio.create_task(snapshot.facts([created.ref]))
    await source.loaded.reached.wait()
    await snapshot.follow(await put(source.store, created))
    source.loaded.open.set()
    assert (await asking)[created.ref] == created


async def test_following_drops_only_what_changed(snapshot: Snapshot, source: Watched) -> None:
    """After a change the changed records are loaded anew, and only they."""
    await snapshot.facts([*REFS, *ABSENT])
    await snapshot.follow(await put(source.store, OFF, replace(DELEGATION, status="revoked")))
    facts = await snapshot.facts([*REFS, *ABSENT])
    assert facts[CLIENT.ref] == OFF
    assert facts[DELEGATION.ref] == (replace(DELEGATION, status="revoked"),)
    assert source.loads[1:] == [{CLIENT.ref, DELEGATION.ref}]


async def test_too_many_changes_drop_everything(
    snapshot: Snapshot, source: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap too large to name is crossed by forgetting everything."""
    await snapshot.facts(REFS)
    monkeypatch.setattr(registry_store, "MOST_CHANGES", 1)
    await snapshot.follow(await put(source.store, OFF, RENAMED))
    assert (snapshot.epoch, len(snapshot)) == (2, 0)
    assert (await snapshot.facts([CLIENT.ref]))[CLIENT.ref] == OFF


async def test_followers_share_one_reading_of_the_log(snapshot: Snapshot, source: Watched) -> None:
    """Many requests that learn of the same epoch read the change log once."""
    epoch = await put(source.store, OFF)
    before = source.log_reads
    await asyncio.gather(*(snapshot.follow(epoch) for _ in range(50)))
    assert source.log_reads == before + 1


async def test_a_follower_that_joined_too_early_reads_again(snapshot: Snapshot, source: Watched) -> None:
    """One who finds a reading of the log under way that is too old for it gets another, not an error."""
    first = await put(source.store, OFF)
    source.logged.hold()
    early = asyncio.create_task(snapshot.follow(first))
    await source.logged.reached.wait()
    second = await put(source.store, RENAMED)
    late = asyncio.create_task(snapshot.follow(second))
    await asyncio.sleep(0)
    source.logged.open.set()
    await asyncio.gather(early, late)
    assert snapshot.epoch == second


async def test_a_cancelled_follower_harms_nobody(snapshot: Snapshot, source: Watched) -> None:
    """Whoever shares a reading of the log gets its answer although the one who began it went away."""
    epoch = await put(source.store, OFF)
    source.logged.hold()
    first = asyncio.create_task(snapshot.follow(epoch))
    await source.logged.reached.wait()
    second = asyncio.create_task(snapshot.follow(epoch))
    await asyncio.sleep(0)
    first.cancel()
    source.logged.open.set()
    await second
    assert snapshot.epoch == epoch


async def test_an_epoch_that_the_database_does_not_know_is_unavailable(snapshot: Snapshot) -> None:
    """If the shared store is ahead of the database, the node cannot know what was revoked, and says so."""
    with pytest.raises(Unavailable):
        await snapshot.follow(9)


async def test_latest_is_never_from_before_the_call(snapshot: Snapshot, source: Watched) -> None:
    """A caller that comes while the epoch is being read gets the answer of a later read, shared with its like."""
    before = source.epoch_reads
    source.read.hold()
    early = asyncio.create_task(snapshot.latest())
    await source.read.reached.wait()
    await put(source.store, OFF)
    late = [asyncio.create_task(snapshot.latest()) for _ in range(50)]
    await asyncio.sleep(0)
    source.read.open.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2] * 50
    assert source.epoch_reads == before + 2


async def test_guesses_cannot_displace_what_is_used(source: Watched) -> None:
    """Absent records are bounded apart from present ones, and both are."""
    snapshot = Snapshot(source, lambda: NOW, present=4, absent=3)
    await snapshot.facts([CLIENT.ref])
    for number in range(20):
        await snapshot.facts([Ref("client", f"guess-{number}")])
    assert len(snapshot) == 4
    await snapshot.facts([CLIENT.ref])
    assert source.loads.count({CLIENT.ref}) == 1
    await snapshot.facts(REFS)
    assert len(snapshot) == 7


async def test_the_longest_unused_goes_first(source: Watched) -> None:
    """Of more records than fit, the one used last stays."""
    snapshot = Snapshot(source, lambda: NOW, present=2)
    first, second, third = REFS[:3]
    for ref in (first, second, first, third, first):
        await snapshot.facts([ref])
    assert source.loads == [{first}, {second}, {third}]


async def test_a_client_comes_with_keys_that_verify(snapshot: Snapshot, source: Watched) -> None:
    """Keys are parsed as they are loaded; one that intake refuses is inactive, and harms no other."""
    bad = {
        "weak": ClientKey("weak", "RS256", '{"kty":"RSA","n":"AQAB","e":"AQAB"}', "t2", KEY.expires_at),
        "other": ClientKey("other", "RS256", P256, "t3", KEY.expires_at),
        "broken": ClientKey("broken", "ES256", "{", "t4", KEY.expires_at),
        "list": ClientKey("list", "ES256", "[]", "t5", KEY.expires_at),
    }
    await snapshot.follow(await put(source.store, replace(CLIENT, keys={"k1": KEY, **bad})))
    client = (await snapshot.facts([CLIENT.ref]))[CLIENT.ref]
    assert isinstance(client, Client)
    assert client.keys["k1"].verifier is not None
    assert not client.keys["k1"].verifier.verify(b"input", b"\0" * 64)
    assert {kid for kid, key in client.keys.items() if key.active} == {"k1"}
    assert all(client.keys[kid].verifier is None for kid in bad)


async def test_the_poll_repairs_what_was_not_announced(snapshot: Snapshot, source: Watched) -> None:
    """A node that heard of no change finds it by itself, and announces the epoch it reached."""
    await snapshot.facts(REFS)
    await put(source.store, OFF)
    announced: asyncio.Queue[int] = asyncio.Queue()
    polling = asyncio.create_task(snapshot.run_poll(0.01, announced.put))
    assert await announced.get() == 2
    assert (await snapshot.facts([CLIENT.ref]))[CLIENT.ref] == OFF
    polling.cancel()
    await asyncio.wait([polling])


async def test_the_poll_outlives_a_silent_database(
    snapshot: Snapshot, source: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polling goes on through an outage and catches up after it."""
    silent = asyncio.Event()

    async def epoch() -> int:
        if not silent.is_set():
            silent.set()
            raise Unavailable("registry")
        return await source.store.epoch()

    monkeypatch.setattr(source, "epoch", epoch)
    await put(source.store, Organisation(OWNER, "Renamed"))
    announced: asyncio.Queue[int] = asyncio.Queue()
    polling = asyncio.create_task(snapshot.run_poll(0.01, announced.put))
    assert await announced.get() == 2
    assert silent.is_set()
    polling.cancel()
    await asyncio.wait([polling])


async def test_a_restored_database_empties_the_snapshot(snapshot: Snapshot, source: Watched) -> None:
    """An epoch lower than the snapshot's means another past: everything is forgotten."""
    await snapshot.facts(REFS)
    snapshot._epoch = 9
    await snapshot.refresh()
    assert (snapshot.epoch, len(snapshot)) == (1, 0)
