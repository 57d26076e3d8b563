"""What the store keeps of the delegation registry: steps, hops, packages, registers elsewhere, and places in lists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from authserver.oauth.models import Delegation, DelegationSource, DelegationStatus, Package, Ref, Step
from authserver.registry.paging import Window
from authserver.storage.database import Database
from authserver.storage.delegation_parties import INDEXES_PER_LIST
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.schema import delegations
from tests.contract.registry import CONSUMER, DELEGATION, NOW, OPERATOR, OWNER, SUPPLIER, fill, put

pytestmark = pytest.mark.anyio

FIRST = replace(
    DELEGATION,
    purpose="Æ",
    package="tax:all",
    status_index=7,
    proposed_by=SUPPLIER,
    awaits=(OWNER,),
    steps=(Step(NOW, "proposed", SUPPLIER, "client-1", "", "contract"), Step(NOW + 1, "accepted", CONSUMER)),
)
HOP = Delegation(
    "d2", CONSUMER, OWNER, frozenset({"tax:read"}), NOW, NOW + 60, parent_id="d1", delegator_orgno=SUPPLIER, depth=1
)


async def test_everything_of_a_delegation_is_kept(store: SqlRegistryStore) -> None:
    """Steps, consent that is missing, package and place in the status lists come back as they were put."""
    await fill(store)
    await put(store, FIRST, HOP)
    assert list(await store.delegations()) == [FIRST, HOP]


@pytest.mark.parametrize("status", ["proposed", "active", "suspended", "declined", "revoked"])
async def test_an_earlier_program_takes_a_hop_for_out_of_force(
    database: Database, store: SqlRegistryStore, status: DelegationStatus
) -> None:
    """In the column that it reads, nothing handed on is ever active, nor is what was declined of an unknown status."""
    await fill(store)
    told = {
        "proposed": "suspended",
        "active": "suspended",
        "suspended": "suspended",
        "declined": "revoked",
        "revoked": "revoked",
    }
    hop = replace(HOP, status=status)
    await put(store, hop, replace(FIRST, status=status))
    async with database.read() as connection:
        found = await connection.execute(select(delegations.c.id, delegations.c.status))
        rows = {row.id: row.status for row in found}
    assert rows == {"d1": "revoked" if status == "declined" else status, "d2": told[status]}
    assert {one.id: one.status for one in await store.delegations()} == {"d1": status, "d2": status}


async def test_a_delegation_concerns_its_parties_and_owners(store: SqlRegistryStore) -> None:
    """Whoever gave, holds or handed it on, and the owners of its scopes; of an unknown one, nobody."""
    await fill(store)
    await put(store, FIRST, replace(HOP, scopes=frozenset()))
    async with store.reading() as reader:
        assert await reader.concerned("d1") == {CONSUMER, SUPPLIER, OWNER}
        assert await reader.concerned("d2") == {CONSUMER, SUPPLIER, OWNER}
        assert await reader.concerned("nobody") == frozenset()
    window = Window(limit=10)
    assert [one.id for one in await store.delegation_page(window, party=SUPPLIER)] == ["d1", "d2"]
    assert [one.id for one in await store.delegation_page(window, owner_orgno=OWNER)] == ["d1"]
    assert [one.id for one in await store.delegation_page(window, owner_orgno=SUPPLIER)] == []


async def test_packages_and_registers_are_kept_and_listed(store: SqlRegistryStore) -> None:
    """Each by its name, and in pages by it; a package also by its owner."""
    await fill(store)
    package = Package("tax:all", OWNER, "All", frozenset({"tax:read"}), active=False)
    source = DelegationSource("https://a.example/", "A", "https://a.example/look", "a:look")
    await put(store, package, source)
    async with store.reading() as reader:
        assert await reader.get(Ref("package", "tax:all")) == package
        assert await reader.get(Ref("delegation_source", source.issuer)) == source
    window = Window(limit=10)
    assert list(await store.package_page(window, OWNER)) == [package]
    assert list(await store.package_page(window, SUPPLIER)) == []
    assert list(await store.delegation_source_page(window)) == [source]


async def test_a_place_in_the_lists_is_free_and_tells_nothing(database: Database, store: SqlRegistryStore) -> None:
    """Drawn from the lists in use: the first alone at first, up to the last that a delegation stands in afterwards."""
    await fill(store)
    async with store.change(OPERATOR, NOW) as change:
        drawn = {await change.free_status_index() for _ in range(20)}
    assert len(drawn) > 1
    assert max(drawn) < INDEXES_PER_LIST
    async with database.write() as connection:
        await connection.execute(update(delegations).values(status_index=5 * INDEXES_PER_LIST))
    async with store.change(OPERATOR, NOW) as change:
        drawn = {await change.free_status_index() for _ in range(40)}
    assert INDEXES_PER_LIST <= max(drawn) < 6 * INDEXES_PER_LIST
