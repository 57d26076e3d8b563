"""Clients: what may be registered on them, and who may have which id."""

from collections.abc import Callable

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import clients, keys, scopes
from authserver.registry.clients import NewClient
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, acting, public_jwk, scope, snapshot

NewId = Callable[[], str]


async def test_a_client_is_registered_without_access_to_its_scopes(store: RegistryStore, new_id: NewId) -> None:
    """A supplier registers what only its consumers have; access is asked for with every token."""
    new = NewClient(CONSUMER, ["nav:read", "nav:read"], name="Payroll", profile="maskinporten")
    client = await clients.add(store, acting(CONSUMER), NOW, new=new, new_id=new_id)
    assert (client.client_id, client.scopes, client.profile) == ("id-1", frozenset({"nav:read"}), "maskinporten")
    assert await clients.read(store, acting(CONSUMER), client_id="id-1") == client


@pytest.mark.parametrize("client_id", ["", "a b", "a/b", "æ", "x" * 129, "a\n"])
async def test_a_client_id_is_safe_in_urls_and_logs(store: RegistryStore, new_id: NewId, client_id: str) -> None:
    """An id outside the unreserved characters of RFC 3986, or too long, is refused."""
    with pytest.raises(Refusal) as refused:
        await clients.add(store, OPERATOR, NOW, new=NewClient(CONSUMER, ["nav:read"], client_id), new_id=new_id)
    assert refused.value.reason is Reason.INVALID


async def test_a_client_id_belongs_to_one_client(store: RegistryStore, new_id: NewId) -> None:
    """A taken id is refused, and somebody else's in words that tell nothing about it."""
    await clients.add(store, OPERATOR, NOW, new=NewClient(OWNER, ["nav:read"], "c1"), new_id=new_id)
    await clients.set_active(store, OPERATOR, NOW, client_id="c1", active=False)
    with pytest.raises(Refusal) as refused:
        await clients.add(store, acting(CONSUMER), NOW, new=NewClient(CONSUMER, ["nav:read"], "c1"), new_id=new_id)
    assert refused.value.reason is Reason.CONFLICT
    assert refused.value.sentence == "The client id is taken."


async def test_only_active_scopes_that_admit_the_client_are_registered(store: RegistryStore, new_id: NewId) -> None:
    """An unknown, deactivated or otherwise meant scope, and an unknown profile, leave no client behind."""
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:stopped"))
    await scopes.set_active(store, OPERATOR, NOW, name="nav:stopped", active=False)
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:login", allowed_integration_types=("idporten",)))
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:both", allowed_integration_types=("krr", "maskinporten")))
    before = await snapshot(store)
    for new, reason in (
        (NewClient(CONSUMER, ["nav:read", "nav:no"]), Reason.NOT_FOUND),
        (NewClient(CONSUMER, ["nav:stopped"]), Reason.CONFLICT),
        (NewClient(CONSUMER, ["nav:login"]), Reason.INVALID),
        (NewClient(CONSUMER, ["nav:read"], profile="other"), Reason.INVALID),
        (NewClient("971040238", ["nav:read"]), Reason.NOT_FOUND),
        (NewClient(CONSUMER, ["nav:read"], key=keys.KeyOffer({"kty": "oct", "k": "AA"})), Reason.KEY_REFUSED),
    ):
        with pytest.raises(Refusal) as refused:
            await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
        assert refused.value.reason is reason
    assert await snapshot(store) == before
    admitted = await clients.add(store, OPERATOR, NOW, new=NewClient(CONSUMER, ["nav:both"]), new_id=new_id)
    assert admitted.scopes == {"nav:both"}


async def test_a_client_comes_with_its_first_key(store: RegistryStore, new_id: NewId) -> None:
    """Client and key are registered together or not at all."""
    new = NewClient(CONSUMER, ["nav:read"], "c1", key=keys.KeyOffer(public_jwk(kid="k1")))
    client = await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    assert list(client.keys) == ["k1"]
    stored = await clients.read(store, OPERATOR, client_id="c1")
    assert stored.keys["k1"].thumbprint == client.keys["k1"].thumbprint


async def test_a_client_is_deactivated_and_comes_back_with_everything(store: RegistryStore, new_id: NewId) -> None:
    """Scopes and keys outlive a deactivation."""
    new = NewClient(CONSUMER, ["nav:read"], "c1", key=keys.KeyOffer(public_jwk(kid="k1")))
    before = await clients.add(store, OPERATOR, NOW, new=new, new_id=new_id)
    for _ in range(2):
        stopped = await clients.set_active(store, acting(CONSUMER), NOW, client_id="c1", active=False)
        assert not stopped.active
    assert await clients.set_active(store, acting(CONSUMER), NOW, client_id="c1", active=True) == before
