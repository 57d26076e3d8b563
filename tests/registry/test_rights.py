"""Whatever an organisation tries on what is somebody else's looks as if it did not exist, and changes nothing."""

from collections.abc import Awaitable, Callable

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import access, clients, delegations, keys, organisations, prefixes, scopes
from authserver.registry.ports import Actor, RegistryStore
from tests.registry.conftest import (
    CONSUMER,
    ISSUER,
    NOW,
    OPERATOR,
    OWNER,
    SUPPLIER,
    acting,
    public_jwk,
    scope,
    snapshot,
)

Deed = Callable[[RegistryStore, Actor], Awaitable[object]]
Name = Callable[[str], str]


def deeds(name: Name) -> dict[str, Deed]:
    """Return every change of one record, by what it does; `name` turns the existing record's id into the one tried."""

    def key_offer() -> keys.KeyOffer:
        return keys.KeyOffer(public_jwk())

    return {
        "add scope": lambda s, a: scopes.add(s, a, NOW, scope=scope(f"{name('nav')}:other")),
        "disable scope": lambda s, a: scopes.set_active(s, a, NOW, name=name("nav:read"), active=False),
        "enable scope": lambda s, a: scopes.set_active(s, a, NOW, name=name("nav:read"), active=True),
        "read scope": lambda s, a: scopes.read(s, a, name=name("nav:read")),
        "grant": lambda s, a: access.grant(s, a, NOW, scope=name("nav:read"), consumer_orgno=SUPPLIER),
        "revoke": lambda s, a: access.revoke(s, a, NOW, scope=name("nav:read"), consumer_orgno=CONSUMER),
        "read client": lambda s, a: clients.read(s, a, client_id=name("c1")),
        "disable client": lambda s, a: clients.set_active(s, a, NOW, client_id=name("c1"), active=False),
        "add key": lambda s, a: keys.add(s, a, NOW, client_id=name("c1"), offer=key_offer()),
        "remove key": lambda s, a: keys.remove(s, a, NOW, client_id=name("c1"), kid="k1"),
        "revoke delegation": lambda s, a: delegations.revoke(s, a, NOW, delegation_id=name("id-1")),
    }


@pytest.fixture
async def filled(store: RegistryStore, new_id: Callable[[], str]) -> RegistryStore:
    """A registry in which the owner owns one of everything."""
    await access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    offer = keys.KeyOffer(public_jwk(), kid="k1")
    new = clients.NewClient(OWNER, ["nav:read"], "c1", key=offer)
    await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    given = delegations.NewDelegation(OWNER, CONSUMER, ["nav:read"])
    await delegations.add(store, OPERATOR, NOW, new=given, issuer=ISSUER, new_id=new_id)
    return store


@pytest.mark.parametrize("deed", deeds(str))
async def test_a_foreign_record_looks_like_an_unknown_one(filled: RegistryStore, deed: str) -> None:
    """A third organisation gets the same refusal, to the letter, for a record that exists and for one that does not."""
    before = await snapshot(filled)
    with pytest.raises(Refusal) as foreign:
        await deeds(str)[deed](filled, acting(SUPPLIER))
    with pytest.raises(Refusal) as unknown:
        await deeds(lambda name: f"{name}x")[deed](filled, acting(SUPPLIER))
    assert foreign.value.reason is Reason.NOT_FOUND
    assert (foreign.value.reason, foreign.value.sentence) == (unknown.value.reason, unknown.value.sentence)
    assert await snapshot(filled) == before


@pytest.mark.parametrize("deed", [deed for deed in deeds(str) if deed != "revoke delegation"])
async def test_what_is_ones_own_may_be_changed(filled: RegistryStore, deed: str) -> None:
    """The owner may do to its own record what a foreigner may not."""
    await deeds(str)[deed](filled, acting(OWNER))


@pytest.mark.parametrize("orgno", [OWNER, CONSUMER])
async def test_both_parties_may_end_a_delegation(filled: RegistryStore, orgno: str) -> None:
    """The consumer may take a mandate back, and the supplier may lay it down."""
    ended = await delegations.revoke(filled, acting(orgno), NOW, delegation_id="id-1")
    assert ended.status == "revoked"


OPERATORS: dict[str, Deed] = {
    "add organisation": lambda s, a: organisations.add(s, a, NOW, orgno="971040238", name="x"),
    "rename organisation": lambda s, a: organisations.rename(s, a, NOW, orgno=OWNER, name="x"),
    "disable organisation": lambda s, a: organisations.set_active(s, a, NOW, orgno=OWNER, active=False),
    "add prefix": lambda s, a: prefixes.add(s, a, NOW, prefix="own", owner_orgno=OWNER),
    "disable prefix": lambda s, a: prefixes.set_active(s, a, NOW, prefix="nav", active=False),
}


@pytest.mark.parametrize("deed", OPERATORS)
async def test_organisations_and_prefixes_are_the_operators(filled: RegistryStore, deed: str) -> None:
    """An organisation may not register, rename or deactivate organisations and prefixes, not even its own."""
    before = await snapshot(filled)
    with pytest.raises(Refusal) as refused:
        await OPERATORS[deed](filled, acting(OWNER))
    assert refused.value.reason is Reason.NOT_ALLOWED
    assert await snapshot(filled) == before


async def test_a_client_or_delegation_for_somebody_else_is_refused(
    filled: RegistryStore, new_id: Callable[[], str]
) -> None:
    """An organisation registers clients for itself alone, and delegates only what is its own to delegate."""
    with pytest.raises(Refusal) as client:
        await clients.add(filled, acting(SUPPLIER), NOW, new=clients.NewClient(CONSUMER, ["nav:read"]), new_id=new_id)
    assert client.value.reason is Reason.NOT_FOUND
    given = delegations.NewDelegation(CONSUMER, SUPPLIER, ["nav:read"])
    with pytest.raises(Refusal) as delegation:
        await delegations.add(filled, acting(SUPPLIER), NOW, new=given, issuer=ISSUER, new_id=new_id)
    assert delegation.value.reason is Reason.NOT_FOUND


async def test_a_deactivated_organisation_may_change_nothing(filled: RegistryStore) -> None:
    """Once an organisation is deactivated, even its own records are out of its reach."""
    await organisations.set_active(filled, OPERATOR, NOW, orgno=OWNER, active=False)
    with pytest.raises(Refusal) as refused:
        await scopes.set_active(filled, acting(OWNER), NOW, name="nav:read", active=False)
    assert refused.value.reason is Reason.NOT_ALLOWED


async def test_lists_hold_only_what_is_ones_own(filled: RegistryStore) -> None:
    """An organisation lists itself, its own records, and access and delegations to which it is a party."""
    third, consumer = acting(SUPPLIER), acting(CONSUMER)
    assert [found.orgno for found in await organisations.listed(filled, third)] == [SUPPLIER]
    assert list(await prefixes.listed(filled, third)) == []
    assert list(await scopes.listed(filled, third)) == []
    assert list(await access.listed(filled, third)) == []
    assert list(await clients.listed(filled, third)) == []
    assert list(await clients.listed(filled, third, orgno=OWNER)) == []
    assert list(await delegations.listed(filled, third)) == []
    assert [found.scope for found in await access.listed(filled, consumer)] == ["nav:read"]
    assert [found.id for found in await delegations.listed(filled, consumer)] == ["id-1"]
    assert [found.scope for found in await access.listed(filled, acting(OWNER))] == ["nav:read"]
    assert len(await organisations.listed(filled, OPERATOR)) == 3


@pytest.mark.parametrize(
    ("visibility", "granted", "seen"),
    [("PUBLIC", False, True), ("PRIVATE", False, False), ("PRIVATE", True, True), ("INTERNAL", True, False)],
)
async def test_a_hidden_scope_cannot_be_registered_by_who_does_not_see_it(
    filled: RegistryStore, new_id: Callable[[], str], visibility: str, granted: bool, seen: bool
) -> None:
    """A PRIVATE scope is seen by consumers with access, an INTERNAL one by its owner; to others it does not exist."""
    await scopes.add(filled, OPERATOR, NOW, scope=scope("nav:hidden", visibility=visibility))
    if granted:
        await access.grant(filled, OPERATOR, NOW, scope="nav:hidden", consumer_orgno=CONSUMER)
    new = clients.NewClient(CONSUMER, ["nav:hidden"])
    if seen:
        client = await clients.add(filled, acting(CONSUMER), NOW, new=new, new_id=new_id)
        assert client.scopes == {"nav:hidden"}
        return
    with pytest.raises(Refusal) as hidden:
        await clients.add(filled, acting(CONSUMER), NOW, new=new, new_id=new_id)
    with pytest.raises(Refusal) as unknown:
        await clients.add(filled, acting(CONSUMER), NOW, new=clients.NewClient(CONSUMER, ["nav:no"]), new_id=new_id)
    assert (hidden.value.reason, hidden.value.sentence) == (unknown.value.reason, unknown.value.sentence)


@pytest.mark.parametrize("name", ["nav:read\x00", "nav:read\ud800", "\x1b[31m"])
async def test_a_name_that_no_database_can_keep_is_unknown(filled: RegistryStore, name: str) -> None:
    """Names with control characters or half characters are looked up without a fault, and are not there."""
    with pytest.raises(Refusal) as refused:
        await scopes.read(filled, OPERATOR, name=name)
    assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refusal):
        await delegations.revoke(filled, OPERATOR, NOW, delegation_id=name)
    assert list(await access.listed(filled, OPERATOR, scope=name)) == []
    assert list(await scopes.listed(filled, OPERATOR, prefix=name)) == []


async def test_a_reason_is_one_line(filled: RegistryStore) -> None:
    """A reason that could not be kept on one line is refused before anything changes."""
    before = await snapshot(filled)
    with pytest.raises(Refusal) as refused:
        await access.revoke(filled, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER, reason="a\nb")
    assert refused.value.reason is Reason.INVALID
    assert await snapshot(filled) == before
