"""Records come, are deactivated, come back, and are never removed."""

from collections.abc import Callable

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import access, clients, organisations, prefixes, scopes
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, SUPPLIER, acting, scope


@pytest.mark.parametrize("orgno", ["", "12345678", "889640783", "8896407820", "889 640 782", "\u0661" * 9])
async def test_an_organisation_number_has_nine_digits_and_a_check_digit(store: RegistryStore, orgno: str) -> None:
    """Whatever is no organisation number is refused in a sentence that does not quote it."""
    with pytest.raises(Refusal) as refused:
        await organisations.add(store, OPERATOR, NOW, orgno=orgno, name="x")
    assert refused.value.reason is Reason.INVALID
    assert not orgno or orgno not in refused.value.sentence


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2Jb", "x" * 256, "a\ud800b"])
async def test_a_name_is_one_printable_line(store: RegistryStore, name: str) -> None:
    """A name that would be empty, too long or obeyed by a terminal is refused."""
    with pytest.raises(Refusal) as refused:
        await organisations.add(store, OPERATOR, NOW, orgno="971040238", name=name)
    assert refused.value.reason is Reason.INVALID


async def test_an_organisation_is_renamed(store: RegistryStore) -> None:
    """Renaming keeps the number and leaves the organisation active."""
    renamed = await organisations.rename(store, OPERATOR, NOW, orgno=OWNER, name=" New ")
    assert (renamed.name, renamed.active) == ("New", True)
    assert renamed in await organisations.listed(store, OPERATOR)
    with pytest.raises(Refusal) as unknown:
        await organisations.rename(store, OPERATOR, NOW, orgno="971040238", name="x")
    assert unknown.value.reason is Reason.NOT_FOUND


async def test_adding_over_an_active_row_is_a_conflict(store: RegistryStore) -> None:
    """What is there cannot be added again, whatever it is."""
    for again in (
        organisations.add(store, OPERATOR, NOW, orgno=OWNER, name="x"),
        prefixes.add(store, OPERATOR, NOW, prefix="nav", owner_orgno=OWNER),
        scopes.add(store, OPERATOR, NOW, scope=scope("nav:read")),
    ):
        with pytest.raises(Refusal) as refused:
            await again
        assert refused.value.reason is Reason.CONFLICT


async def test_adding_over_a_deactivated_row_tells_how_to_reactivate(
    store: RegistryStore, new_id: Callable[[], str]
) -> None:
    """What is deactivated comes back only by being reactivated, and the refusal says so."""
    new = clients.NewClient(CONSUMER, ["nav:read"], "c1")
    await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    await clients.set_active(store, OPERATOR, NOW, client_id="c1", active=False)
    await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=False)
    with pytest.raises(Refusal) as client:
        await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    with pytest.raises(Refusal) as right:
        await scopes.add(store, OPERATOR, NOW, scope=scope("nav:read"))
    await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=False)
    with pytest.raises(Refusal) as prefix:
        await prefixes.add(store, OPERATOR, NOW, prefix="nav", owner_orgno=OWNER)
    await organisations.set_active(store, OPERATOR, NOW, orgno=OWNER, active=False)
    with pytest.raises(Refusal) as organisation:
        await organisations.add(store, OPERATOR, NOW, orgno=OWNER, name="x")
    refusals = [client.value, right.value, prefix.value, organisation.value]
    assert {refused.reason for refused in refusals} == {Reason.CONFLICT}
    verbs = ["client enable", "scope enable", "prefix enable", "org enable"]
    assert [verb for verb, refused in zip(verbs, refusals, strict=True) if verb not in refused.sentence] == []


async def test_reactivation_brings_back_what_was(store: RegistryStore) -> None:
    """Deactivating keeps terms and access; deactivating twice is as once; reactivating restores."""
    await access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    before = await scopes.read(store, OPERATOR, name="nav:read")
    for _ in range(2):
        stopped = await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=False)
        assert not stopped.active
    assert await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=True) == before
    assert [row.state for row in await store.accesses("nav:read")] == ["APPROVED"]


async def test_a_prefix_never_changes_hands(store: RegistryStore) -> None:
    """A prefix stays its owner's, also when it is deactivated."""
    for active in (True, False):
        await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=active)
        with pytest.raises(Refusal) as refused:
            await prefixes.add(store, OPERATOR, NOW, prefix="nav", owner_orgno=SUPPLIER)
        assert refused.value.reason is Reason.CONFLICT
    assert [(row.prefix, row.owner_orgno) for row in await store.prefixes()] == [("nav", OWNER)]


@pytest.mark.parametrize("prefix", ["", "Nav", "nav:", "na v", "-nav", "n" * 41, "næv"])
async def test_a_prefix_follows_the_grammar(store: RegistryStore, prefix: str) -> None:
    """A prefix that could be mistaken for another or break a scope name is refused."""
    with pytest.raises(Refusal) as refused:
        await prefixes.add(store, OPERATOR, NOW, prefix=prefix, owner_orgno=OWNER)
    assert refused.value.reason is Reason.INVALID


async def test_nothing_is_added_under_what_is_deactivated(store: RegistryStore, new_id: Callable[[], str]) -> None:
    """A deactivated organisation gets no prefix, scope, access or client; a deactivated prefix gets no scope."""
    await organisations.set_active(store, OPERATOR, NOW, orgno=CONSUMER, active=False)
    new = clients.NewClient(CONSUMER, ["nav:read"])
    for refused_add in (
        prefixes.add(store, OPERATOR, NOW, prefix="con", owner_orgno=CONSUMER),
        access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER),
        clients.add(store, OPERATOR, NOW, new=new, new_id=new_id),
    ):
        with pytest.raises(Refusal) as refused:
            await refused_add
        assert refused.value.reason is Reason.CONFLICT
    await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=False)
    with pytest.raises(Refusal) as scope_refused:
        await scopes.add(store, OPERATOR, NOW, scope=scope("nav:new"))
    assert scope_refused.value.reason is Reason.CONFLICT
    await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=True)
    await organisations.set_active(store, OPERATOR, NOW, orgno=OWNER, active=False)
    with pytest.raises(Refusal) as owner_refused:
        await scopes.add(store, OPERATOR, NOW, scope=scope("nav:new"))
    assert owner_refused.value.reason is Reason.CONFLICT


@pytest.mark.parametrize(
    "terms",
    [
        {"audience": "api"},
        {"audience": "https://api.example/#x"},
        {"audience": "https://"},
        {"audience": "https://api.example/ x"},
        {"audience": "https://[::1"},
        {"delegation_source": "altinn"},
        {"max_age": -1},
        {"max_age": 3601},
        {"token_profile": "other"},
        {"visibility": "SECRET"},
        {"allowed_integration_types": ("maskinporten", "other")},
        {"description": "x" * 4001},
        {"description": "\x07"},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"a": "\x00"}},
        {"attributes": {"a": 2**53}},
        {"attributes": {"a": "x" * 20_000}},
    ],
)
async def test_the_terms_of_a_scope_are_judged(store: RegistryStore, terms: dict[str, object]) -> None:
    """A term that a token could not honour, or a database not keep, is refused."""
    with pytest.raises(Refusal) as refused:
        await scopes.add(store, OPERATOR, NOW, scope=scope("nav:new", **terms))
    assert refused.value.reason is Reason.INVALID


async def test_a_scope_belongs_to_the_owner_of_its_prefix(store: RegistryStore) -> None:
    """Owner and prefix follow from the name, whatever the caller says they are."""
    asked = scope("nav:new", audience="https://api.example/", max_age=300, token_profile="maskinporten")
    made = await scopes.add(store, acting(OWNER), NOW, scope=asked)
    assert (made.prefix, made.owner_orgno, made.active) == ("nav", OWNER, True)
    assert await scopes.read(store, OPERATOR, name="nav:new") == made
    for name in ("nav", "nav:", ":new", "nav:a b", "NAV:new"):
        with pytest.raises(Refusal) as refused:
            await scopes.add(store, acting(OWNER), NOW, scope=scope(name))
        assert refused.value.reason is Reason.INVALID


async def test_access_is_granted_and_revoked_any_number_of_times(store: RegistryStore) -> None:
    """Granting gives APPROVED and revoking DENIED, each as often as asked, and a second time changes nothing."""
    for state, change in (("APPROVED", access.grant), ("DENIED", access.revoke), ("APPROVED", access.grant)):
        for _ in range(2):
            row = await change(store, acting(OWNER), NOW, scope="nav:read", consumer_orgno=CONSUMER)
            assert row.state == state
        assert [found.state for found in await store.accesses()] == [state]


async def test_access_needs_a_scope_and_a_consumer(store: RegistryStore) -> None:
    """Access to an unknown scope, for an unknown consumer, or revoked without ever having been given is refused."""
    for refused_change in (
        access.grant(store, OPERATOR, NOW, scope="nav:no", consumer_orgno=CONSUMER),
        access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno="971040238"),
        access.revoke(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER),
    ):
        with pytest.raises(Refusal) as refused:
            await refused_change
        assert refused.value.reason is Reason.NOT_FOUND
    await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=False)
    with pytest.raises(Refusal) as stopped:
        await access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    assert stopped.value.reason is Reason.CONFLICT
    assert list(await store.accesses()) == []


async def test_access_can_be_revoked_from_a_deactivated_scope_and_consumer(store: RegistryStore) -> None:
    """Taking away is possible whatever else is deactivated."""
    await access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    await scopes.set_active(store, OPERATOR, NOW, name="nav:read", active=False)
    await organisations.set_active(store, OPERATOR, NOW, orgno=CONSUMER, active=False)
    row = await access.revoke(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    assert row.state == "DENIED"
