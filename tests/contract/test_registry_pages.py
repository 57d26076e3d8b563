"""Lists in pages, the change feed and keys that end soon, on every database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth.models import AccessRequest, PrefixRequest, Ref, ScopeAccess, Webhook
from authserver.registry import changes, clients, delegations, expiry, organisations, paging
from authserver.registry.clients import ClientAmendment
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor
from authserver.storage.database import Database
from authserver.storage.registry_store import SqlRegistryStore
from tests.contract.registry import CLIENT, CONSUMER, KEY, NOW, OPERATOR, OWNER, SCOPE, SUPPLIER, fill, put

pytestmark = pytest.mark.anyio
DAY = 24 * 3600
ASKED = AccessRequest("r1", "tax:read", SUPPLIER, "why", "law", "REQUESTED", NOW)
PREFIX_ASKED = PrefixRequest("p1", "skatt", SUPPLIER, "why", "REQUESTED", NOW)
HOOK = Webhook("w1", SUPPLIER, "https://hook.example/", ("client",))


def acting(orgno: str) -> Actor:
    """An organisation."""
    return Actor("organisation", orgno, client_id="admin")


async def everything(read: Callable[[Window], Any], limit: int) -> list[Any]:
    """Follow the pages of a list to its end."""
    found: list[Any] = []
    window = Window(limit=limit)
    while True:
        page: Page[Any] = await read(window)
        assert len(page.items) <= limit
        found += page.items
        if not page.next:
            return found
        window = Window(page.next, limit)


async def feed(store: SqlRegistryStore, actor: Actor, window: Window) -> Page[Any]:
    """Read the change feed as somebody."""
    return await changes.page(store, actor, window=window)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_make_up_the_list(store: SqlRegistryStore, limit: int) -> None:
    """Page after page every record comes once, in one order, whatever the size of a page."""
    await fill(store)
    numbered = [f"c-{number:02}" for number in range(6)] + ["C-9", "æ", "~"]
    await put(store, *(replace(CLIENT, client_id=name) for name in numbered))
    found = await everything(lambda window: clients.page(store, OPERATOR, window=window), limit)
    assert sorted(client.client_id for client in found) == sorted(["client-1", *numbered])
    assert [client.client_id for client in found] == [client.client_id for client in await store.clients()]
    assert all(client.keys == {"k1": KEY} and client.scopes == {"tax:read"} for client in found)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_by_two_members(store: SqlRegistryStore, limit: int) -> None:
    """A key of two members is compared as one: no access is skipped or repeated where the first member repeats."""
    await fill(store)
    scopes = [replace(SCOPE, name=f"tax:{name}") for name in ("a", "b", "c")]
    rows = [ScopeAccess(scope.name, orgno, "DENIED") for scope in scopes for orgno in (CONSUMER, OWNER, SUPPLIER)]
    await put(store, *scopes, *rows)

    async def page(window: Window) -> Page[ScopeAccess]:
        found = await store.access_page(window.and_one_more)
        return paged(found, window, lambda access: (access.scope, access.consumer_orgno))

    found = await everything(page, limit)
    assert sorted(access.ref for access in found) == sorted(access.ref for access in await store.accesses())
    assert len(found) == len({access.ref for access in found}) == 10


async def test_a_record_added_meanwhile_repeats_and_hides_nothing(store: SqlRegistryStore) -> None:
    """What is put before the place reached is not told again, what is put behind it is still to come."""
    await fill(store)
    await put(store, *(replace(CLIENT, client_id=f"c-{number}") for number in (2, 4)))
    first = await clients.page(store, OPERATOR, window=Window(limit=1))
    await put(store, *(replace(CLIENT, client_id=f"c-{number}") for number in (1, 3)))
    rest = await clients.page(store, OPERATOR, window=Window(first.next))
    assert [client.client_id for client in (*first.items, *rest.items)] == ["c-2", "c-3", "c-4", "client-1"]


async def test_lists_are_narrowed(store: SqlRegistryStore) -> None:
    """Each list gives what was asked of it, and nothing of anybody else."""
    await fill(store)
    await put(store, replace(CLIENT, client_id="other", orgno=OWNER), ASKED, PREFIX_ASKED, HOOK)
    window = Window()
    assert [client.client_id for client in await store.client_page(window, OWNER)] == ["other"]
    assert [scope.name for scope in await store.scope_page(window, OWNER)] == ["tax:read"]
    assert not await store.scope_page(window, CONSUMER)
    assert not await store.scope_page(window, prefix="other")
    assert [prefix.prefix for prefix in await store.prefix_page(window, OWNER)] == ["tax"]
    assert not await store.prefix_page(window, SUPPLIER)
    assert len(await store.access_page(window, owner_orgno=OWNER)) == 1
    assert not await store.access_page(window, owner_orgno=CONSUMER)
    assert [found.id for found in await store.delegation_page(window, party=SUPPLIER)] == ["d1"]
    assert [found.id for found in await store.delegation_page(window, party=CONSUMER)] == ["d1"]
    assert not await store.delegation_page(window, party=OWNER)
    assert not await store.delegation_page(window, consumer_orgno=SUPPLIER)
    assert await store.access_request_page(window, owner_orgno=OWNER, state="REQUESTED") == [ASKED]
    assert not await store.access_request_page(window, consumer_orgno=CONSUMER)
    assert await store.prefix_request_page(window, SUPPLIER) == [PREFIX_ASKED]
    assert await store.webhook_page(window, SUPPLIER) == [HOOK]
    assert not await store.webhook_page(window, OWNER)
    assert len(await store.organisation_page(window)) == 3


async def test_new_records_are_read_as_they_were_put(store: SqlRegistryStore) -> None:
    """Requests, webhooks, terms and extras survive the database, also when they are replaced."""
    await fill(store)
    terms = replace(SCOPE, approval="listed", approved_consumers=(CONSUMER,), review_at=NOW, contact="api@x.example")
    client = replace(CLIENT, extras={"redirect_uris": None, "n": [1, "Å"]})
    answered = replace(ASKED, state="APPROVED", decided_at=NOW + 1, answer="ok", by_rule=True)
    await put(store, ASKED, PREFIX_ASKED, HOOK)
    records = (terms, client, answered, replace(PREFIX_ASKED, state="DENIED"), replace(HOOK, active=False))
    await put(store, *records)
    async with store.reading() as reader:
        assert [await reader.get(record.ref) for record in records] == list(records)
        assert await reader.get(Ref("access_request", "r9")) is None


async def test_what_a_change_asks_of_requests(store: SqlRegistryStore) -> None:
    """A change finds open requests, how many wait, and every name that is taken or asked for."""
    await fill(store)
    await put(store, ASKED, PREFIX_ASKED, replace(PREFIX_ASKED, id="p2", prefix="gone", state="DENIED"))
    async with store.change(OPERATOR, NOW) as change:
        assert await change.open_request("tax:read", SUPPLIER) == ASKED
        assert await change.open_request("tax:read", CONSUMER) is None
        assert [await change.count("waiting", orgno) for orgno in (SUPPLIER, CONSUMER)] == [2, 0]
        assert sorted(await change.prefix_names()) == [("skatt", SUPPLIER), ("tax", OWNER)]
    await put(store, replace(ASKED, state="WITHDRAWN"))
    async with store.change(OPERATOR, NOW) as change:
        assert await change.open_request("tax:read", SUPPLIER) is None


async def test_the_feed_tells_each_what_concerns_it(store: SqlRegistryStore) -> None:
    """The operator is told all, in order; an organisation what is its own or has it for a party, and nothing else."""
    await fill(store)
    await put(store, ASKED, PREFIX_ASKED, HOOK, replace(CLIENT, active=False))
    concerned = {
        OWNER: {("organisation", OWNER), ("prefix", "tax"), ("scope", "tax:read"), ("access", "tax:read")}
        | {("access_request", "r1")},
        CONSUMER: {("organisation", CONSUMER), ("access", "tax:read"), ("delegations", CONSUMER)},
        SUPPLIER: {("organisation", SUPPLIER), ("client", "client-1"), ("delegations", CONSUMER)}
        | {("access_request", "r1"), ("prefix_request", "p1"), ("webhook", "w1")},
    }
    for orgno, expected in concerned.items():
        told = await everything(partial(feed, store, acting(orgno)), 2)
        assert {(change.kind, change.id) for change in told} == expected
        numbers = [change.seq for change in told]
        assert numbers == sorted(set(numbers))
    told = await everything(partial(feed, store, OPERATOR), 5)
    assert [change.seq for change in told] == list(range(1, 13))
    assert {change.actor_person for change in told} == {"Kari"}
    page = await changes.page(store, acting(SUPPLIER), window=Window())
    assert {change.actor_person for change in page.items} == {""}


async def test_a_cursor_of_the_feed_misses_nothing_of_concurrent_changes(
    store: SqlRegistryStore, open_again: Callable[[], Database]
) -> None:
    """A reader that follows while two nodes write sees every change exactly once."""
    await fill(store)
    other = SqlRegistryStore(open_again())
    seen: list[int] = []
    done = asyncio.Event()

    async def write(node: SqlRegistryStore, names: range) -> None:
        for number in names:
            await put(node, replace(CLIENT, client_id=f"n-{number}"))

    async def follow() -> None:
        after: tuple[str, ...] = ()
        last = False
        while not last:
            last = done.is_set()
            page = await changes.page(store, OPERATOR, window=Window(after, 3))
            while page.items:
                seen.extend(change.seq for change in page.items)
                after = (str(page.items[-1].seq),)
                page = await changes.page(store, OPERATOR, window=Window(after, 3))

    following = asyncio.create_task(follow())
    await asyncio.gather(write(store, range(12)), write(other, range(12, 24)))
    done.set()
    await following
    assert len(seen) == 8 + 24
    assert seen == sorted(set(seen))


async def test_keys_that_end_soon(store: SqlRegistryStore) -> None:
    """Usable keys within the time, the first first, to each organisation its own, page by page."""
    await fill(store)
    ends = {"gone": NOW, "a": NOW + 3 * DAY, "b": NOW + 14 * DAY, "c": NOW + 30 * DAY, "late": NOW + 31 * DAY}
    keys = {kid: replace(KEY, kid=kid, expires_at=end) for kid, end in ends.items()}
    keys["removed"] = replace(KEY, kid="removed", expires_at=NOW + DAY, active=False)
    await put(
        store,
        replace(CLIENT, keys=keys),
        replace(CLIENT, client_id="stopped", active=False, keys={"x": replace(KEY, kid="x", expires_at=NOW + DAY)}),
        replace(CLIENT, client_id="foreign", orgno=OWNER, keys={"y": replace(KEY, kid="y", expires_at=NOW + DAY)}),
    )
    found = await everything(lambda window: expiry.page(store, acting(SUPPLIER), NOW, window=window), 1)
    assert [(key.kid, expiry.notice(key, NOW)) for key in found] == [("a", 3), ("b", 14), ("c", 30)]
    found = await everything(lambda window: expiry.page(store, OPERATOR, NOW, window=window, days=3), 1)
    assert [(key.client_id, key.kid) for key in found] == [("foreign", "y"), ("client-1", "a")]


async def test_reading_takes_no_lock(store: SqlRegistryStore, open_again: Callable[[], Database]) -> None:
    """While a change is under way another node reads, and what it reads is what was committed."""
    await fill(store)
    other = SqlRegistryStore(open_again())
    async with store.change(OPERATOR, NOW) as change:
        await change.put(replace(CLIENT, name="under way"))
        async with asyncio.timeout(20), other.reading() as reader:
            assert await reader.get(CLIENT.ref) == CLIENT
        assert await other.client_page(Window()) == [CLIENT]


async def test_no_update_is_lost(store: SqlRegistryStore, open_again: Callable[[], Database]) -> None:
    """Two nodes that amend different terms of one client at once keep both."""
    await fill(store)
    nodes = [store, SqlRegistryStore(open_again())]
    amendments = [ClientAmendment(name="Named"), ClientAmendment(token_lifetime=30), ClientAmendment(extras={"a": 1})]
    await asyncio.gather(
        *(
            clients.amend(nodes[number % 2], OPERATOR, NOW, client_id="client-1", terms=terms)
            for number, terms in enumerate(amendments * 3)
        )
    )
    after = await clients.read(store, OPERATOR, client_id="client-1")
    assert (after.name, after.token_lifetime, after.extras) == ("Named", 30, {"a": 1})


async def test_a_window_is_bounded(store: SqlRegistryStore) -> None:
    """Nobody gets more than a thousand at once, nor fewer than one."""
    await fill(store)
    assert Window(limit=10**9).bounded.limit == paging.MOST
    page = await organisations.page(store, OPERATOR, window=Window(limit=-5))
    assert len(page.items) == 1
    assert not (await delegations.page(store, acting(OWNER), window=Window())).items


@given(st.sets(st.text("abcæøå-_.0Z", min_size=1, max_size=6), max_size=30), st.integers(1, 9))
def test_pages_of_any_list_make_it_up(names: set[str], limit: int) -> None:
    """For any keys and any size the pages have every item once, and only the last says that it is the last."""
    ordered = sorted(names)
    window, found, rounds = Window(limit=limit), list[str](), 0
    while True:
        rest = [name for name in ordered if not window.after or name > window.after[0]]
        page = paged(rest[: window.and_one_more.limit], window, lambda name: (name,))
        found += page.items
        rounds += 1
        if not page.next:
            break
        window = Window(page.next, limit)
    assert found == ordered
    assert rounds == max(1, -(-len(ordered) // limit))
