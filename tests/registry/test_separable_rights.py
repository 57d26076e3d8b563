"""An organisation's administrator changes only what its rights name; the operator needs none."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import access, clients, delegations, scopes
from authserver.registry.ports import ALL_RIGHTS, Actor, RegistryStore, Right
from tests.registry.conftest import CONSUMER, ISSUER, NOW, OWNER, acting, scope, snapshot

Deed = Callable[[RegistryStore, Actor], Awaitable[object]]
DEEDS: dict[str, tuple[Right, Deed]] = {
    "define a scope": ("apis", lambda s, a: scopes.add(s, a, NOW, scope=scope("nav:other"))),
    "grant access": ("apis", lambda s, a: access.grant(s, a, NOW, scope="nav:read", consumer_orgno=CONSUMER)),
    "register a client": (
        "integrations",
        lambda s, a: clients.add(s, a, NOW, new=clients.NewClient(OWNER, ["nav:read"]), new_id=lambda: "c9"),
    ),
    "delegate": (
        "delegations",
        lambda s, a: delegations.add(
            s, a, NOW, new=delegations.NewDelegation(OWNER, CONSUMER, ["nav:read"]), issuer=ISSUER, new_id=lambda: "d9"
        ),
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_change_needs_the_right_for_its_kind_of_record(store: RegistryStore, deed: str) -> None:
    """With every right but the one needed nothing changes; with that one alone it does."""
    needed, do = DEEDS[deed]
    before = await snapshot(store)
    with pytest.raises(Refusal) as refused:
        await do(store, replace(acting(OWNER), rights=ALL_RIGHTS - {needed}))
    assert refused.value.reason is Reason.NOT_ALLOWED
    assert await snapshot(store) == before
    await do(store, replace(acting(OWNER), rights=frozenset({needed})))
    assert await snapshot(store) != before
