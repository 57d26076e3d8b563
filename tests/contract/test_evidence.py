"""Consents and the statuses that lists are made from, in every kind of database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authserver.oauth import status_list
from authserver.oauth.consent import Consent
from authserver.oauth.delegation import Delegation, DelegationStatus
from authserver.oauth.models import Organisation
from authserver.oauth.statement import ConsentKey
from authserver.storage.database import Database
from authserver.storage.evidence import SqlEvidence
from authserver.storage.registry_store import SqlRegistryStore
from tests.contract.registry import CONSUMER, NOW, OPERATOR, SUPPLIER, fill, put

pytestmark = pytest.mark.anyio
THIRD, FOURTH = "971040238", "889640782"
HUGE = status_list.ENTRIES
SCOPES = frozenset({"tax:read"})


def first(name: str, index: int | None, status: DelegationStatus = "active") -> Delegation:
    """A delegation from the consumer to the supplier."""
    return Delegation(name, CONSUMER, SUPPLIER, SCOPES, NOW, NOW + 10, status, status_index=index)


def handed(parent: Delegation, to: str, index: int, status: DelegationStatus = "active") -> Delegation:
    """What hangs on it."""
    return replace(
        parent,
        id=f"{parent.id}-{to}",
        supplier_orgno=to,
        delegator_orgno=parent.supplier_orgno,
        parent_id=parent.id,
        depth=parent.depth + 1,
        status_index=index,
        status=status,
    )


@pytest.fixture
async def store(database: Database) -> SqlRegistryStore:
    """A registry with the organisations that delegations are handed on to."""
    made = SqlRegistryStore(database)
    await fill(made)
    await put(made, Organisation(THIRD, "Third"), Organisation(FOURTH, "Fourth"))
    return made


async def test_a_list_names_what_is_not_in_force(database: Database, store: SqlRegistryStore) -> None:
    """Suspended and ended delegations are listed at their index, those in force, proposed or of other lists are not."""
    evidence = SqlEvidence(database)
    assert await evidence.statuses(0) == (await store.epoch(), {})
    await put(
        store,
        first("a", 1),
        first("b", 2, "suspended"),
        first("c", HUGE - 1, "revoked"),
        first("d", None, "proposed"),
        first("e", HUGE, "revoked"),
    )
    assert await evidence.statuses(0) == (
        await store.epoch(),
        {2: status_list.SUSPENDED, HUGE - 1: status_list.INVALID},
    )
    assert await evidence.statuses(1) == (await store.epoch(), {0: status_list.INVALID})
    assert await evidence.statuses(2) is None


async def test_what_hangs_on_a_delegation_is_no_better_than_it(database: Database, store: SqlRegistryStore) -> None:
    """Every hop below is suspended with the one above, ended with it, and in force again with it."""
    evidence = SqlEvidence(database)
    top = first("a", 1)
    middle = handed(top, THIRD, 2)
    await put(store, top, middle, handed(middle, FOURTH, 3))
    assert await listed(evidence) == {}
    steps: list[tuple[DelegationStatus, int]] = [
        ("suspended", status_list.SUSPENDED),
        ("active", status_list.VALID),
        ("revoked", status_list.INVALID),
    ]
    for status, expected in steps:
        await put(store, replace(top, status=status))
        assert await listed(evidence) == ({1: expected, 2: expected, 3: expected} if expected else {})


async def test_a_hop_that_is_out_of_force_stops_those_below(database: Database, store: SqlRegistryStore) -> None:
    """Only what hangs on a hop stops with it, and a suspended one on an ended one is ended."""
    evidence = SqlEvidence(database)
    top = first("a", 1)
    middle = handed(top, THIRD, 2, "revoked")
    await put(store, top, middle, handed(middle, FOURTH, 3, "suspended"))
    assert await listed(evidence) == {2: status_list.INVALID, 3: status_list.INVALID}


async def test_a_consent_is_kept_and_replaced(database: Database, store: SqlRegistryStore) -> None:
    """What was kept is read back, a later one takes its place, and there is none for another delegation."""
    evidence = SqlEvidence(database)
    await put(store, first("a", 1), first("b", 2))
    kept = Consent("a", ConsentKey("client-1", "kid-1", "thumb", NOW), "ES256", '{"kty":"EC"}', "e30.e30.e30")
    assert await evidence.consent("a") is None
    await keep(store, kept)
    assert await evidence.consent("a") == kept
    later = replace(kept, key=replace(kept.key, kid="kid-2", at=NOW + 1), signature="e30.e30.AAAA")
    await keep(store, later)
    assert (await evidence.consent("a"), await evidence.consent("b")) == (later, None)


async def keep(store: SqlRegistryStore, consent: Consent) -> None:
    """Keep a consent in a change of its own."""
    async with store.change(OPERATOR, NOW) as change:
        await change.keep_consent(consent)


async def listed(evidence: SqlEvidence) -> dict[int, int]:
    """What the first list says."""
    found = await evidence.statuses(0)
    assert found is not None
    return dict(found[1])
