"""Delegations: between whom, of what, until when."""

from collections.abc import Callable

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import DELEGATION_LIFE, DELEGATION_LIFE_CEILING
from authserver.oauth.models import Delegation, Step
from authserver.registry import delegations, organisations, scopes
from authserver.registry.delegations import NewDelegation
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, ISSUER, NOW, OPERATOR, SUPPLIER, acting, scope

NewId = Callable[[], str]
READ = ["nav:read"]


async def delegate(store: RegistryStore, new_id: NewId, new: NewDelegation, now: int = NOW) -> Delegation:
    """Delegate as the operator."""
    return await delegations.add(store, OPERATOR, now, new=new, issuer=ISSUER, new_id=new_id)


async def refusal(store: RegistryStore, new_id: NewId, new: NewDelegation, now: int = NOW) -> Reason:
    """Delegate what must be refused, and return why it was."""
    before = await store.delegations()
    with pytest.raises(Refusal) as refused:
        await delegate(store, new_id, new, now)
    assert await store.delegations() == before
    return refused.value.reason


async def test_a_delegation_lasts_a_year_unless_told(store: RegistryStore, new_id: NewId) -> None:
    """The consumer delegates by itself, before it has access, and for a year when it says no end."""
    new = NewDelegation(CONSUMER, SUPPLIER, READ)
    made = await delegations.add(store, acting(CONSUMER), NOW, new=new, issuer=ISSUER, new_id=new_id)
    assert made == Delegation(
        "id-1",
        CONSUMER,
        SUPPLIER,
        frozenset(READ),
        NOW,
        NOW + DELEGATION_LIFE,
        status_index=made.status_index,
        proposed_by=CONSUMER,
        steps=(Step(NOW, "accepted", CONSUMER, "admin"),),
    )
    assert made.status_index in range(2**20)
    assert list(await store.delegations()) == [made]


@pytest.mark.parametrize("end", [NOW + 1, NOW + DELEGATION_LIFE_CEILING])
async def test_an_end_within_ten_years_is_accepted(store: RegistryStore, new_id: NewId, end: int) -> None:
    """A delegation ends when the consumer says, from the next second to ten years ahead."""
    assert (await delegate(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ, end))).valid_to == end


@pytest.mark.parametrize("end", [NOW, NOW - 1, NOW + DELEGATION_LIFE_CEILING + 1])
async def test_another_end_is_refused(store: RegistryStore, new_id: NewId, end: int) -> None:
    """A delegation never ends in the past, nor more than ten years ahead."""
    assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ, end)) is Reason.INVALID


async def test_parties_and_scopes_must_be_there_and_active(store: RegistryStore, new_id: NewId) -> None:
    """A delegation to oneself, of nothing, with an unknown or deactivated party, or of an unknown scope is refused."""
    assert await refusal(store, new_id, NewDelegation(CONSUMER, CONSUMER, READ)) is Reason.INVALID
    assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, [])) is Reason.INVALID
    assert await refusal(store, new_id, NewDelegation(CONSUMER, "971040238", READ)) is Reason.NOT_FOUND
    assert await refusal(store, new_id, NewDelegation("971040238", SUPPLIER, READ)) is Reason.NOT_FOUND
    assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, ["nav:no"])) is Reason.NOT_FOUND
    for orgno in (CONSUMER, SUPPLIER):
        await organisations.set_active(store, OPERATOR, NOW, orgno=orgno, active=False)
        assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ)) is Reason.CONFLICT
        await organisations.set_active(store, OPERATOR, NOW, orgno=orgno, active=True)
    await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=False)
    assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ)) is Reason.CONFLICT


async def test_every_scope_must_be_delegable_here(store: RegistryStore, new_id: NewId) -> None:
    """One scope that cannot be delegated, or whose delegations another register keeps, refuses the whole."""
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:never"))
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:there", delegation_source="https://other.example/"))
    never = NewDelegation(CONSUMER, SUPPLIER, ["nav:read", "nav:never"])
    assert await refusal(store, new_id, never) is Reason.NOT_DELEGABLE
    assert await refusal(store, new_id, NewDelegation(CONSUMER, SUPPLIER, ["nav:there"])) is Reason.INVALID


async def test_a_revoked_delegation_stays_revoked(store: RegistryStore, new_id: NewId) -> None:
    """Revoking twice is as once; the scopes can then be delegated anew."""
    new = NewDelegation(CONSUMER, SUPPLIER, READ)
    first = await delegate(store, new_id, new)
    for _ in range(2):
        ended = await delegations.revoke(store, acting(CONSUMER), NOW, delegation_id=first.id)
        assert ended.status == "revoked"
    second = await delegate(store, new_id, new)
    assert {row.id: row.status for row in await store.delegations()} == {first.id: "revoked", second.id: "active"}


async def test_a_scope_stands_in_one_delegation_at_a_time(store: RegistryStore, new_id: NewId) -> None:
    """What is delegated already is refused, lest it outlive a revocation; an expired delegation is no hindrance."""
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:write", delegation_source=ISSUER))
    new = NewDelegation(CONSUMER, SUPPLIER, READ, NOW + 10)
    await delegate(store, new_id, new)
    both = NewDelegation(CONSUMER, SUPPLIER, ["nav:read", "nav:write"])
    assert await refusal(store, new_id, both) is Reason.CONFLICT
    await delegate(store, new_id, NewDelegation(CONSUMER, SUPPLIER, ["nav:write"]))
    await delegate(store, new_id, NewDelegation(SUPPLIER, CONSUMER, READ))
    await delegate(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ), now=NOW + 10)


async def test_delegations_are_listed_by_party(store: RegistryStore, new_id: NewId) -> None:
    """A list can be of those given or of those held."""
    await delegate(store, new_id, NewDelegation(CONSUMER, SUPPLIER, READ))
    await delegate(store, new_id, NewDelegation(SUPPLIER, CONSUMER, READ))
    given = await delegations.listed(store, OPERATOR, consumer_orgno=CONSUMER)
    held = await delegations.listed(store, OPERATOR, supplier_orgno=CONSUMER)
    assert ([row.id for row in given], [row.id for row in held]) == (["id-1"], ["id-2"])
