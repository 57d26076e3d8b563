"""Changing what is named of a client or a scope, and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import access, clients, scopes
from authserver.registry.clients import ClientAmendment, NewClient
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, SUPPLIER, acting, scope

EXTRAS = {"redirect_uris": ["https://a.example/cb"], "sso_disabled": None, "logo_uri": ""}


async def refused(work: Awaitable[object]) -> Reason:
    """Why it was refused."""
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.reason


@pytest.fixture
async def registered(store: RegistryStore) -> RegistryStore:
    """A registry with the client `c1` of the consumer."""
    new = NewClient(CONSUMER, ["nav:read"], name="Backend", extras=EXTRAS, token_lifetime=60)
    await clients.add(store, acting(CONSUMER), NOW, new=new, new_id=lambda: "c1")
    return store


async def amended(store: RegistryStore, terms: ClientAmendment) -> Any:
    """Amend the client as its own organisation, and read it back."""
    await clients.amend(store, acting(CONSUMER), NOW, client_id="c1", terms=terms, reason="why")
    return await clients.read(store, acting(CONSUMER), client_id="c1")


@pytest.mark.parametrize(
    ("terms", "field", "value"),
    [
        (ClientAmendment(name="Other"), "name", "Other"),
        (ClientAmendment(scopes=[]), "scopes", frozenset()),
        (ClientAmendment(active=False), "active", False),
        (ClientAmendment(profile="maskinporten"), "profile", "maskinporten"),
        (ClientAmendment(profile=""), "profile", None),
        (ClientAmendment(token_lifetime=0), "token_lifetime", 0),
        (ClientAmendment(extras={"client_uri": "x"}), "extras", {"client_uri": "x"}),
    ],
)
async def test_only_what_is_named_of_a_client_changes(
    registered: RegistryStore, terms: ClientAmendment, field: str, value: object
) -> None:
    """The one term is as named, and every other as it was."""
    before = await clients.read(registered, OPERATOR, client_id="c1")
    after = await amended(registered, terms)
    assert getattr(after, field) == value
    others = ("name", "scopes", "active", "profile", "token_lifetime", "extras", "orgno", "integration_type", "keys")
    assert [getattr(after, name) for name in others if name != field] == [
        getattr(before, name) for name in others if name != field
    ]


async def test_extras_come_back_as_they_were(registered: RegistryStore) -> None:
    """Fields for round trips are kept to the letter, null and empty ones too."""
    assert (await clients.read(registered, OPERATOR, client_id="c1")).extras == EXTRAS


@pytest.mark.parametrize(
    "terms",
    [
        ClientAmendment(token_lifetime=-1),
        ClientAmendment(token_lifetime=3601),
        ClientAmendment(profile="none"),
        ClientAmendment(name="a\nb"),
        ClientAmendment(extras={"n": float("nan")}),
        ClientAmendment(extras={"x": "y" * 20_000}),
    ],
)
async def test_terms_that_no_client_may_have(registered: RegistryStore, terms: ClientAmendment) -> None:
    """They are refused and nothing changes."""
    before = await clients.read(registered, OPERATOR, client_id="c1")
    assert await refused(amended(registered, terms)) is Reason.INVALID
    assert await clients.read(registered, OPERATOR, client_id="c1") == before


async def test_a_scope_that_the_client_has_may_stay(registered: RegistryStore) -> None:
    """One that its owner deactivated stays on the client, but cannot be put on it anew."""
    await scopes.add(registered, OPERATOR, NOW, scope=scope("nav:other"))
    for name in ("nav:read", "nav:other"):
        await scopes.set_active(registered, OPERATOR, NOW, name=name, active=False)
    kept = await amended(registered, ClientAmendment(scopes=["nav:read"], name="Kept"))
    assert (kept.scopes, kept.name) == ({"nav:read"}, "Kept")
    assert await refused(amended(registered, ClientAmendment(scopes=["nav:read", "nav:other"]))) is Reason.CONFLICT
    assert await refused(amended(registered, ClientAmendment(scopes=["nav:none"]))) is Reason.NOT_FOUND


async def test_a_client_that_people_log_in_to_is_none_of_ours(store: RegistryStore) -> None:
    """Login types are refused, machine types are not."""
    for kind, expected in (
        ("idporten", Reason.INVALID),
        ("ansattporten", Reason.INVALID),
        ("nonsense", Reason.INVALID),
    ):
        new = NewClient(CONSUMER, [], integration_type=kind)
        assert await refused(clients.add(store, OPERATOR, NOW, new=new, new_id=lambda: "x")) is expected
    new = NewClient(CONSUMER, [], integration_type="krr")
    assert (await clients.add(store, OPERATOR, NOW, new=new, new_id=lambda: "x")).integration_type == "krr"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"description": "Now with more"}, {}),
        ({"visibility": "PRIVATE"}, {}),
        ({"max_age": 30}, {}),
        ({"token_profile": "maskinporten"}, {}),
        (
            {"approval": "listed", "approved_consumers": [SUPPLIER, CONSUMER, SUPPLIER]},
            {"approved_consumers": (SUPPLIER, CONSUMER)},
        ),
        ({"review_at": NOW + 1}, {}),
        ({"review_at": None}, {}),
        ({"contact": " api@nav.example "}, {"contact": "api@nav.example"}),
        ({"contact": ""}, {"contact": None}),
        ({"active": False}, {}),
    ],
)
async def test_terms_of_a_scope(store: RegistryStore, terms: dict[str, Any], expected: dict[str, Any]) -> None:
    """What is named is as named, read back from the database, and the rest as it was."""
    before = await scopes.read(store, OPERATOR, name="nav:read")
    await scopes.amend(store, acting(OWNER), NOW, name="nav:read", terms=terms)
    after = await scopes.read(store, acting(OWNER), name="nav:read")
    for field in scopes.AMENDABLE | {"name", "prefix", "owner_orgno"}:
        wanted = {**terms, **expected}.get(field, getattr(before, field))
        assert getattr(after, field) == wanted, field


@pytest.mark.parametrize(
    "terms",
    [
        {"name": "nav:other"},
        {"owner_orgno": CONSUMER},
        {"prefix": "tax"},
        {"created": 1},
        {"approval": "everybody"},
        {"approved_consumers": ["123"]},
        {"approved_consumers": [CONSUMER] * 1001},
        {"review_at": -1},
        {"contact": "a\nb"},
        {"max_age": 3601},
        {"visibility": "SECRET"},
    ],
)
async def test_terms_that_no_scope_may_have(store: RegistryStore, terms: dict[str, Any]) -> None:
    """Name and owner never change, unknown terms are none, and what may not be kept is refused."""
    before = await scopes.read(store, OPERATOR, name="nav:read")
    assert await refused(scopes.amend(store, acting(OWNER), NOW, name="nav:read", terms=terms)) is Reason.INVALID
    assert await scopes.read(store, OPERATOR, name="nav:read") == before


FOREIGN: dict[str, Callable[[RegistryStore], Awaitable[object]]] = {
    "amend client": lambda s: clients.amend(s, acting(SUPPLIER), NOW, client_id="c1", terms=ClientAmendment(name="x")),
    "amend unknown client": lambda s: clients.amend(s, acting(SUPPLIER), NOW, client_id="c9", terms=ClientAmendment()),
    "amend scope": lambda s: scopes.amend(s, acting(SUPPLIER), NOW, name="nav:read", terms={"description": "x"}),
    "amend unknown scope": lambda s: scopes.amend(s, acting(SUPPLIER), NOW, name="nav:no", terms={"description": "x"}),
    "deny access": lambda s: access.deny(
        s, acting(SUPPLIER), NOW, scope="nav:read", consumer_orgno=CONSUMER, reason="x"
    ),
    "read access": lambda s: access.read(s, acting(SUPPLIER), scope="nav:read", consumer_orgno=CONSUMER),
    "read unknown access": lambda s: access.read(s, acting(SUPPLIER), scope="nav:no", consumer_orgno=CONSUMER),
}


@pytest.mark.parametrize("deed", FOREIGN)
async def test_anothers_record_is_as_good_as_none(registered: RegistryStore, deed: str) -> None:
    """A stranger is told the same of what exists as of what does not."""
    await access.grant(registered, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    assert await refused(FOREIGN[deed](registered)) is Reason.NOT_FOUND


async def test_a_denial_needs_a_reason_and_stops_access(store: RegistryStore) -> None:
    """Without one nothing changes; with one the consumer has no access, and the log says why."""
    await access.grant(store, OPERATOR, NOW, scope="nav:read", consumer_orgno=CONSUMER)
    where = {"scope": "nav:read", "consumer_orgno": CONSUMER}
    assert await refused(access.deny(store, acting(OWNER), NOW, **where, reason=" ")) is Reason.INVALID
    assert (await access.read(store, acting(CONSUMER), **where)).state == "APPROVED"
    await access.deny(store, acting(OWNER), NOW, **where, reason="Misused")
    assert (await access.read(store, acting(CONSUMER), **where)).state == "DENIED"
