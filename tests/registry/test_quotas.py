"""Quotas: so much of each kind an organisation may have, whoever adds it, until the operator allows more."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import access_requests, clients, organisations, prefix_requests, quotas, scopes, webhooks
from authserver.registry.access_requests import NewAccessRequest
from authserver.registry.clients import NewClient
from authserver.registry.ports import Quota, RegistryStore
from authserver.registry.prefix_requests import NewPrefixRequest
from authserver.registry.webhooks import NewWebhook
from tests.registry.conftest import CONSUMER, NOW, OPERATOR, OWNER, acting, scope


async def limit(store: RegistryStore, orgno: str, **most: int | None) -> None:
    """Set limits of an organisation."""
    limits: dict[Quota, int | None] = {**most}  # type: ignore[dict-item]
    await organisations.amend(store, OPERATOR, NOW, orgno=orgno, limits=limits)


async def reason_of(work: Awaitable[Any]) -> Reason | None:
    """Why it was refused; None if it was done."""
    try:
        await work
    except Refusal as refused:
        return refused.reason
    return None


def adding(store: RegistryStore, quota: Quota) -> Callable[[str], Awaitable[Any]]:
    """How the consumer, or for scopes the owner, adds one more of a kind under a name."""
    actor = acting(CONSUMER)
    match quota:
        case "clients":
            return lambda name: clients.add(store, actor, NOW, new=NewClient(CONSUMER, ()), new_id=lambda: name)
        case "scopes":
            return lambda name: scopes.add(store, acting(OWNER), NOW, scope=scope(f"nav:{name}"))
        case "waiting":
            wanted = NewPrefixRequest
            return lambda name: prefix_requests.ask(
                store, actor, NOW, new=wanted(f"prefix{name}", CONSUMER, "p"), new_id=lambda: name
            )
        case "webhooks":
            new = NewWebhook(CONSUMER, "https://hook.example/")
            return lambda name: webhooks.add(
                store, actor, NOW, new=new, new_id=lambda: name, new_secret=lambda: "whsec_" + "a" * 43 + "="
            )


@pytest.mark.parametrize("quota", ["clients", "scopes", "waiting", "webhooks"])
async def test_what_is_beyond_a_quota_is_refused_until_more_is_allowed(store: RegistryStore, quota: Quota) -> None:
    """The one after the last that is allowed is a conflict and is not made; with a higher limit it is made."""
    add, orgno = adding(store, quota), OWNER if quota == "scopes" else CONSUMER
    present = 1 if quota == "scopes" else 0
    await limit(store, orgno, **{quota: present + 2})
    assert [await reason_of(add(name)) for name in "abc"] == [None, None, Reason.CONFLICT]
    (usage,) = [found for found in await quotas.read(store, acting(orgno), orgno=orgno) if found.quota == quota]
    assert (usage.limit, usage.is_default, usage.used) == (present + 2, False, present + 2)
    await limit(store, orgno, **{quota: None})
    assert await reason_of(add("c")) is None


async def test_what_is_deactivated_counts(store: RegistryStore) -> None:
    """A client that was deactivated leaves no room for another."""
    await limit(store, CONSUMER, clients=1)
    add = adding(store, "clients")
    await add("a")
    await clients.set_active(store, acting(CONSUMER), NOW, client_id="a", active=False)
    assert await reason_of(add("b")) is Reason.CONFLICT


async def test_both_kinds_of_requests_wait_together(store: RegistryStore) -> None:
    """A request for a prefix fills the room of one for access, and what is decided makes room."""
    await limit(store, CONSUMER, waiting=1)
    await adding(store, "waiting")("a")
    new = NewAccessRequest("nav:read", CONSUMER, "p", "l")
    ask = access_requests.ask
    assert await reason_of(ask(store, acting(CONSUMER), NOW, new=new, new_id=lambda: "r")) is Reason.CONFLICT
    await prefix_requests.deny(store, OPERATOR, NOW, request_id="a", answer="no")
    assert await reason_of(ask(store, acting(CONSUMER), NOW, new=new, new_id=lambda: "r")) is None


async def test_a_limit_below_what_there_is_takes_nothing_away(store: RegistryStore) -> None:
    """Everything stays in use, and nothing more is admitted."""
    add = adding(store, "clients")
    await add("a")
    await limit(store, CONSUMER, clients=0)
    assert await reason_of(add("b")) is Reason.CONFLICT
    assert (await clients.read(store, acting(CONSUMER), client_id="a")).active


async def test_only_the_operator_sets_quotas_and_only_the_organisation_reads_its_own(store: RegistryStore) -> None:
    """An organisation sets none, not even its own, sees nobody else's, and no limit is less than none."""
    own = acting(CONSUMER)
    amend = organisations.amend
    assert await reason_of(amend(store, own, NOW, orgno=CONSUMER, limits={"clients": 9})) is Reason.NOT_ALLOWED
    assert await reason_of(amend(store, OPERATOR, NOW, orgno=CONSUMER, limits={"clients": -1})) is Reason.INVALID
    too_many: dict[Quota, int | None] = {"clients": quotas.MOST + 1}
    assert await reason_of(amend(store, OPERATOR, NOW, orgno=CONSUMER, limits=too_many)) is Reason.INVALID
    assert await reason_of(quotas.read(store, own, orgno=OWNER)) is Reason.NOT_FOUND
    assert await reason_of(quotas.read(store, OPERATOR, orgno="nobody")) is Reason.NOT_FOUND
    found = {usage.quota: usage.limit for usage in await quotas.read(store, own, orgno=CONSUMER)}
    assert found == quotas.DEFAULTS
