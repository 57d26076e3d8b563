"""The registry at rest: what is put is read, logged and counted, all of it or nothing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Organisation, Prefix, Record, Ref, ScopeAccess
from authserver.oauth.unavailable import Unannounced, Unavailable
from authserver.registry.ports import Actor, RegistryStore
from authserver.storage import registry_store
from authserver.storage.database import Database, open_database
from authserver.storage.registry_store import ChangedSince, SqlRegistryStore
from authserver.storage.schema import registry_changes
from tests.contract.registry import (
    ABSENT,
    ACCESS,
    CLIENT,
    CONSUMER,
    DELEGATION,
    KEY,
    NOW,
    OPERATOR,
    OWNER,
    RECORDS,
    REFS,
    SCOPE,
    SUPPLIER,
    fill,
    put,
)

pytestmark = pytest.mark.anyio

RENAMED = Organisation(CONSUMER, "Renamed")


async def changes(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        found = await connection.execute(select(registry_changes).order_by(registry_changes.c.seq))
        return [dict(row) for row in found.mappings()]


async def test_the_store_fills_its_port(store: SqlRegistryStore) -> None:
    """The type checker holds the store to the port; this line is what it checks."""
    port: RegistryStore = store
    assert port is store


async def test_what_is_put_is_read(store: SqlRegistryStore) -> None:
    """Every kind of record comes back equal: by reference in bulk, in a change, and in its list."""
    await fill(store)
    epoch, facts = await store.load([*REFS, *ABSENT])
    assert epoch == 1
    assert [facts[ref] for ref in REFS] == [*RECORDS[:-1], (DELEGATION,)]
    assert [facts[ref] for ref in ABSENT] == [None, None, ()]
    async with store.change(OPERATOR, NOW) as change:
        assert [await change.get(ref) for ref in REFS] == [*RECORDS[:-1], (DELEGATION,)]
        assert await change.delegation("d1") == DELEGATION
        assert await change.delegation("d2") is None
    assert {record.orgno for record in await store.organisations()} == {OWNER, CONSUMER, SUPPLIER}
    assert list(await store.prefixes()) == [Prefix("tax", OWNER)]
    assert list(await store.scopes()) == list(await store.scopes("tax")) == [SCOPE]
    assert list(await store.accesses()) == list(await store.accesses("tax:read", CONSUMER)) == [ACCESS]
    assert list(await store.clients()) == list(await store.clients(SUPPLIER)) == [CLIENT]
    assert list(await store.delegations()) == list(await store.delegations(CONSUMER, SUPPLIER)) == [DELEGATION]


async def test_lists_hold_only_what_was_asked(store: SqlRegistryStore) -> None:
    """A list of one owner, consumer or supplier holds nothing of another's."""
    await fill(store)
    assert not await store.scopes("other")
    assert not await store.accesses("tax:read", SUPPLIER)
    assert not await store.clients(CONSUMER)
    assert not await store.delegations(supplier_orgno=CONSUMER)


async def test_a_record_is_replaced_whole(store: SqlRegistryStore) -> None:
    """Putting a client or delegation again replaces its scopes and keys too."""
    await fill(store)
    other = replace(KEY, kid="k2", active=False)
    client = replace(CLIENT, active=False, scopes=frozenset(), keys={"k2": other})
    delegation = replace(DELEGATION, status="revoked", scopes=frozenset())
    await put(store, client, delegation)
    _, facts = await store.load([client.ref, delegation.ref])
    assert facts == {client.ref: client, delegation.ref: (delegation,)}


async def test_every_delegation_between_two_is_one_fact(store: SqlRegistryStore) -> None:
    """A reference to delegations names all between the two parties, and none in the other direction."""
    await fill(store)
    second = replace(DELEGATION, id="d2", status="proposed")
    back = replace(DELEGATION, id="d3", consumer_orgno=SUPPLIER, supplier_orgno=CONSUMER)
    await put(store, second, back)
    _, facts = await store.load([DELEGATION.ref, back.ref])
    assert facts == {DELEGATION.ref: (DELEGATION, second), back.ref: (back,)}


async def test_each_put_is_logged(store: SqlRegistryStore, database: Database) -> None:
    """The log tells who changed what and why, with all members before and after, under the epoch of the change."""
    await fill(store)
    actor = Actor("organisation", orgno=SUPPLIER, client_id="admin", person="Ola")
    async with store.change(actor, NOW + 5, "moved") as change:
        await change.put(replace(CLIENT, active=False))
    *created, changed = await changes(database)
    assert [Ref(row["kind"], row["id"], row["other"]) for row in created] == list(REFS)
    assert {(row["epoch"], row["action"], row["before"], row["actor_person"]) for row in created} == {
        (1, "created", None, "Kari")
    }
    before, after = json.loads(changed.pop("before")), json.loads(changed.pop("after"))
    assert changed == {
        "seq": len(RECORDS) + 1,
        "epoch": 2,
        "kind": "client",
        "id": "client-1",
        "other": "",
        "action": "changed",
        "actor_kind": "organisation",
        "actor_orgno": SUPPLIER,
        "actor_client_id": "admin",
        "actor_person": "Ola",
        "at": NOW + 5,
        "reason": "moved",
    }
    assert before == after | {"active": True}
    assert after["scopes"] == ["tax:read"]
    assert after["keys"][0]["kid"] == "k1"
    assert json.loads(created[4]["after"])["description"] == "Æøå"


async def test_no_put_makes_no_epoch(store: SqlRegistryStore) -> None:
    """A change that only looked leaves the epoch."""
    async with store.change(OPERATOR, NOW) as change:
        assert await change.get(Ref("client", "nobody")) is None
    assert (change.epoch, store.made) == (None, None)
    assert await store.epoch() == 0


async def test_a_change_that_fails_leaves_nothing(store: SqlRegistryStore, database: Database) -> None:
    """An error inside a change undoes all its puts, its log and its epoch."""

    async def fail() -> None:
        async with store.change(OPERATOR, NOW) as change:
            await change.put(Organisation(OWNER, "Skatteetaten"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await store.epoch() == 0
    assert not await store.organisations()
    assert not await changes(database)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ScopeAccess("tax:no", CONSUMER, "APPROVED"), Reason.NOT_FOUND),
        (replace(DELEGATION, id="d2", supplier_orgno=CONSUMER), Reason.INVALID),
        (replace(DELEGATION, consumer_orgno=OWNER), Reason.CONFLICT),
        (Organisation("12", "short"), Reason.INVALID),
    ],
)
async def test_a_broken_constraint_is_a_refusal(store: SqlRegistryStore, record: Record, reason: Reason) -> None:
    """What the database refuses is refused in our words, and nothing of that change remains."""
    await fill(store)
    with pytest.raises(Refusal) as refused:
        await put(store, RENAMED, record)
    assert refused.value.reason is reason
    assert await store.epoch() == 1
    assert RENAMED not in await store.organisations()


async def test_concurrent_changes_are_serialised(
    store: SqlRegistryStore, database: Database, open_again: Callable[[], Database]
) -> None:
    """Read-check-write in many changes on two nodes loses no update, and their epochs are one sequence."""
    await put(store, Organisation(OWNER, "0"))
    ref = Ref("organisation", OWNER)
    stores = [store, SqlRegistryStore(open_again())]

    async def count(node: SqlRegistryStore) -> int:
        async with node.change(OPERATOR, NOW) as change:
            held = await change.get(ref)
            assert isinstance(held, Organisation)
            await change.put(replace(held, name=str(int(held.name) + 1)))
        assert change.epoch is not None
        return change.epoch

    epochs = await asyncio.gather(*(count(stores[number % 2]) for number in range(20)))
    assert sorted(epochs) == list(range(2, 22))
    assert [record.name for record in await store.organisations()] == ["20"]
    assert [row["epoch"] for row in await changes(database)] == list(range(1, 22))


async def test_the_epoch_is_published_after_commit_and_before_leaving(
    database: Database, open_again: Callable[[], Database]
) -> None:
    """When the new epoch is announced another node can read it, and the change has not been left yet."""
    other = SqlRegistryStore(open_again())
    seen: list[tuple[int, int]] = []

    async def publish(epoch: int) -> None:
        await asyncio.sleep(0)
        seen.append((epoch, await other.epoch()))

    await put(SqlRegistryStore(database, publish), Organisation(OWNER, "Skatteetaten"))
    assert seen == [(1, 1)]


async def test_a_change_that_cannot_be_announced_is_not_vouched_for(database: Database) -> None:
    """If publishing fails the caller learns that the change may not be in effect, and that it was not undone."""

    async def publish(epoch: int) -> None:
        raise Unavailable("redis")

    store = SqlRegistryStore(database, publish)
    with pytest.raises(Unannounced) as failed:
        await put(store, Organisation(OWNER, "Skatteetaten"))
    assert (failed.value.certain, failed.value.epoch, store.made) == (False, 1, None)
    assert await store.epoch() == 1


async def test_a_change_that_finds_nothing_to_change_announces_what_it_found(database: Database) -> None:
    """A change that was made but never announced is announced by whoever finds it made, who makes no epoch."""
    announced: list[int] = []

    async def publish(epoch: int) -> None:
        announced.append(epoch)

    await put(SqlRegistryStore(database), Organisation(OWNER, "Skatteetaten"))
    store = SqlRegistryStore(database, publish)
    async with store.change(OPERATOR, NOW) as change:
        await change.get(Ref("organisation", OWNER))
    assert (announced, store.made) == ([1], None)
    await put(store, Organisation(OWNER, "Another"))
    assert (announced, store.made) == ([1, 2], 2)


async def test_key_owners_are_found_by_thumbprint(store: SqlRegistryStore) -> None:
    """Every organisation with a client that holds the key is named once, inactive ones too, and no other."""
    await fill(store)
    await put(
        store,
        replace(CLIENT, client_id="client-2", active=False),
        replace(CLIENT, client_id="client-3", orgno=CONSUMER, keys={"k1": replace(KEY, active=False)}),
        replace(CLIENT, client_id="client-4", orgno=OWNER, keys={"k1": replace(KEY, thumbprint="thumbprint-2")}),
    )
    async with store.change(OPERATOR, NOW) as change:
        assert list(await change.key_owners("thumbprint-1")) == sorted([SUPPLIER, CONSUMER])
        assert not await change.key_owners("thumbprint-3")


async def test_changes_since_an_epoch(store: SqlRegistryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly what changed after an epoch is named, once; too much, or a future epoch, means everything."""
    await fill(store)
    await put(store, RENAMED, replace(CLIENT, active=False))
    await put(store, CLIENT)
    assert await store.changes_since(3) == ChangedSince(3, ())
    changed = await store.changes_since(1)
    assert changed.epoch == 3
    assert sorted(changed.refs or ()) == [CLIENT.ref, RENAMED.ref]
    assert await store.changes_since(4) == ChangedSince(3, None)
    monkeypatch.setattr(registry_store, "MOST_CHANGES", 1)
    assert await store.changes_since(1) == ChangedSince(3, None)
    assert await store.changes_since(2) == ChangedSince(3, [CLIENT.ref])


async def test_a_silent_database_is_unavailable() -> None:
    """Reads and changes on a database that is not there are Unavailable, and certainly changed nothing."""
    database = open_database("postgresql://postgres@127.0.0.1:1/nothing")
    store = SqlRegistryStore(database)
    with pytest.raises(Unavailable) as failed:
        await store.load(REFS)
    assert failed.value.certain
    with pytest.raises(Unavailable) as failed:
        await fill(store)
    assert failed.value.certain
    await database.close()
