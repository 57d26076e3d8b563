"""Webhooks: told in order, signed, tried again and given up at last, by one node at a time, and never led astray."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.feeds import DeadLetter
from authserver.oauth.models import Organisation
from authserver.registry import dead_letters, webhooks
from authserver.registry.addresses import public
from authserver.registry.paging import Window
from authserver.registry.ports import Actor
from authserver.registry.quotas import DEFAULTS
from authserver.registry.telling import DELAYS
from authserver.registry.webhooks import NewWebhook, Registered
from authserver.services.posting import NotDeliveredError, Post
from authserver.services.webhooks import MESSAGES_PER_ROUND, WebhookDelivery
from authserver.storage.database import Database
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.webhook_progress import SqlWebhookProgress
from tests.contract.registry import CLIENT, NOW, OPERATOR, OWNER, SUPPLIER, fill, put

pytestmark = pytest.mark.anyio
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@dataclass
class Receiver:
    """A real HTTP server on the loopback that keeps what it is told."""

    port: int = 0
    status: int = 200
    further: bytes = b""
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    @property
    def numbers(self) -> list[int]:
        """The numbers of the changes it was told of."""
        return [json.loads(body)["data"]["seq"] for _, body in self.told]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one message."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        assert head[0] == "POST /hook?a=1 HTTP/1.1"
        self.told.append((dict(line.split(": ", 1) for line in head[1:] if line), body))
        writer.write(f"HTTP/1.1 {self.status} X\r\n".encode() + self.further + b"content-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that takes everything."""
    async with listening() as it:
        yield it


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """Run a receiver."""
    it = Receiver()
    server = await asyncio.start_server(it.answer, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


async def register(store: SqlRegistryStore, url: str, *kinds: str, id_: str = "w1") -> Registered:
    """Register a webhook of the supplier in dev."""
    new = NewWebhook(SUPPLIER, url, kinds)
    return await webhooks.add(
        store, OPERATOR, NOW, new=new, new_id=lambda: id_, new_secret=lambda: SECRET, anywhere=True
    )


def delivery(store: SqlRegistryStore, database: Database, clock: Clock, holder: str = "n1") -> WebhookDelivery:
    """A node's delivery in dev."""
    return WebhookDelivery(store, SqlWebhookProgress(database), Post(anywhere=True), holder, clock)


async def test_told_in_order_signed_and_without_what_the_record_says(
    store: SqlRegistryStore, database: Database, receiver: Receiver
) -> None:
    """Each change that concerns the organisation after the registration comes once, signed, naming the record alone."""
    await fill(store)
    await register(store, receiver.url)
    await put(store, replace(CLIENT, name="secret name"))
    await put(store, Organisation(OWNER, "Renamed"))
    await put(store, CLIENT)
    node = delivery(store, database, Clock())
    await node.round()
    await node.round()
    assert receiver.numbers == [10, 12]
    headers, body = receiver.told[0]
    assert json.loads(body) == {
        "type": "client.changed",
        "timestamp": NOW,
        "data": {"seq": 10, "epoch": 3, "kind": "client", "id": "client-1", "other": ""},
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{code}"
    assert headers["webhook-id"] == "w1.10"


async def test_only_the_kinds_asked_for(store: SqlRegistryStore, database: Database, receiver: Receiver) -> None:
    """Other kinds are passed over, and are not looked at again."""
    await fill(store)
    await register(store, receiver.url, "client")
    await put(store, Organisation(SUPPLIER, "Renamed"))
    await put(store, replace(CLIENT, name="x"))
    await delivery(store, database, Clock()).round()
    assert receiver.numbers == [11]
    assert not await SqlWebhookProgress(database).due(NOW + 10**6, 10)


async def test_more_changes_than_a_round_tells(store: SqlRegistryStore, database: Database, receiver: Receiver) -> None:
    """What one round leaves the next tells; nothing is skipped or told twice, wanted or not."""
    await fill(store)
    await register(store, receiver.url, "client")
    await put(store, *(Organisation(SUPPLIER, str(number)) for number in range(MESSAGES_PER_ROUND + 5)))
    await put(store, *(replace(CLIENT, name=str(number)) for number in range(2 * MESSAGES_PER_ROUND)))
    node = delivery(store, database, Clock())
    for _ in range(5):
        await node.round()
    first = 10 + MESSAGES_PER_ROUND + 5
    assert receiver.numbers == list(range(first, first + 2 * MESSAGES_PER_ROUND))


async def test_tried_again_later_with_the_same_id(
    store: SqlRegistryStore, database: Database, receiver: Receiver
) -> None:
    """What is not taken comes again when its time has come, under the same id, and before anything newer."""
    await fill(store)
    await register(store, receiver.url)
    await put(store, replace(CLIENT, name="1"))
    await put(store, replace(CLIENT, name="2"))
    clock = Clock()
    node = delivery(store, database, clock)
    receiver.status = 500
    await node.round()
    clock.now += DELAYS[0] - 1
    await node.round()
    assert receiver.numbers == [10]
    receiver.status = 204
    clock.now += 1
    await node.round()
    assert receiver.numbers == [10, 10, 11]
    assert {headers["webhook-id"] for headers, _ in receiver.told[:2]} == {"w1.10"}


async def test_given_up_at_last(store: SqlRegistryStore, database: Database, receiver: Receiver) -> None:
    """After the last pause the message is a dead letter that says why, and the next one is told."""
    await fill(store)
    await register(store, receiver.url)
    await put(store, replace(CLIENT, name="1"))
    await put(store, replace(CLIENT, name="2"))
    clock = Clock()
    node = delivery(store, database, clock)
    receiver.status = 410
    for pause in DELAYS:
        await node.round()
        clock.now += pause
        assert not await store.dead_letters("w1", Window())
    await node.round()
    assert await store.dead_letters("w1", Window()) == [DeadLetter(10, clock.now, "status 410")]
    receiver.status = 200
    await node.round()
    assert receiver.numbers == [10] * (len(DELAYS) + 1) + [11]


async def test_a_dead_letter_that_is_asked_for_is_sent_once_more(
    store: SqlRegistryStore, database: Database, receiver: Receiver
) -> None:
    """Refused again it stays with the new fault and waits no more; taken it is gone; its message is the same."""
    await fill(store)
    await register(store, receiver.url, "client")
    await put(store, replace(CLIENT, name="1"))
    clock = Clock()
    node, progress = delivery(store, database, clock), SqlWebhookProgress(database)
    await progress.give_up("w1", 10, NOW, "status 410")
    receiver.status = 503
    await _send_again(store, 10)
    assert await store.dead_letters("w1", Window()) == [DeadLetter(10, 0, "status 410")]
    await node.round()
    await node.round()
    assert await store.dead_letters("w1", Window()) == [DeadLetter(10, NOW, "status 503")]
    assert receiver.numbers == [10]
    receiver.status = 200
    await _send_again(store, 10)
    await node.round()
    assert await store.dead_letters("w1", Window()) == []
    assert [headers["webhook-id"] for headers, _ in receiver.told] == ["w1.10", "w1.10"]


async def test_a_letter_of_nothing_is_not_sent(store: SqlRegistryStore, database: Database, receiver: Receiver) -> None:
    """A number that names no change of the organisation's says so; another webhook's letters stay as they are."""
    await fill(store)
    await register(store, receiver.url, "client")
    await register(store, receiver.url, "client", id_="w2")
    progress = SqlWebhookProgress(database)
    for id_ in ("w1", "w2"):
        await progress.give_up(id_, 99, NOW, "status 410")
    await _send_again(store, 99)
    await delivery(store, database, Clock()).round()
    assert await store.dead_letters("w1", Window()) == [DeadLetter(99, NOW, "the change concerns it no more")]
    assert await store.dead_letters("w2", Window()) == [DeadLetter(99, NOW, "status 410")]
    assert receiver.told == []


async def _send_again(store: SqlRegistryStore, seq: int) -> None:
    await dead_letters.send_again(store, OPERATOR, NOW, webhook_id="w1", seqs=[seq])


async def test_one_node_at_a_time(
    store: SqlRegistryStore, database: Database, receiver: Receiver, open_again: Callable[[], Database]
) -> None:
    """While one node holds the lease another tells nothing; when it has run out, the other takes over."""
    await fill(store)
    await register(store, receiver.url)
    clock, other = Clock(), SqlWebhookProgress(open_again())
    first, second = SqlWebhookProgress(database), other
    taken = await asyncio.gather(*(p.lease("x", h, NOW, NOW + 60) for p, h in ((first, "a"), (second, "b")) * 3))
    assert len({holder for won, holder in zip(taken, ["a", "b"] * 3, strict=True) if won}) == 1
    assert await first.lease("webhooks", "dead node", NOW, NOW + 60)
    await put(store, replace(CLIENT, name="1"))
    node = delivery(store, database, clock)
    await node.round()
    assert not receiver.told
    clock.now += 60
    await node.round()
    assert receiver.numbers == [10]


async def test_a_deactivated_webhook_is_told_when_it_is_back(
    store: SqlRegistryStore, database: Database, receiver: Receiver
) -> None:
    """Nothing is told while it is deactivated, or its organisation is; then what it missed comes."""
    await fill(store)
    await register(store, receiver.url, "client")
    node = delivery(store, database, Clock())
    own = Actor("organisation", SUPPLIER)
    await webhooks.set_active(store, own, NOW, webhook_id="w1", active=False)
    await put(store, replace(CLIENT, name="1"))
    await node.round()
    await webhooks.set_active(store, own, NOW, webhook_id="w1", active=True)
    await put(store, Organisation(SUPPLIER, "Supplier", active=False))
    await node.round()
    assert not receiver.told
    await put(store, Organisation(SUPPLIER, "Supplier"))
    await node.round()
    assert len(receiver.told) == 1


async def test_the_secret_is_in_no_log(store: SqlRegistryStore) -> None:
    """The change log tells of the webhook, and never of its secret."""
    await fill(store)
    await register(store, "https://hook.example/")
    log = await store.changes(Window())
    assert any(change.kind == "webhook" for change in log)
    assert SECRET not in repr(log)


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "ftp://hook.example/",
        "https:///x",
        "https://user:pass@hook.example/",
        "https://user@hook.example/",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://hook.example/#part",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https://localhost/",
        "https://db.internal/",
        "https://x.localhost./",
        "https://intranet/",
        "https://hook.example/\r\nx: y",
    ],
)
async def test_urls_that_are_refused(store: SqlRegistryStore, url: str) -> None:
    """No webhook leads into anybody's own network, to plain http, or carries what a URL should not."""
    await fill(store)
    with pytest.raises(Refusal) as refused:
        await webhooks.add(
            store, OPERATOR, NOW, new=NewWebhook(SUPPLIER, url), new_id=lambda: "w", new_secret=lambda: SECRET
        )
    assert refused.value.reason is Reason.INVALID
    assert not await store.webhook_page(Window())


async def test_webhooks_are_bounded_and_ones_own(store: SqlRegistryStore) -> None:
    """So many active ones and no more; a stranger registers none, sees none and stops none."""
    await fill(store)
    for number in range(DEFAULTS["webhooks"]):
        await register(store, "https://hook.example/", id_=f"w{number}")
    own, stranger = Actor("organisation", SUPPLIER), Actor("organisation", OWNER)
    with pytest.raises(Refusal) as refused:
        await register(store, "https://hook.example/", id_="more")
    assert refused.value.reason is Reason.CONFLICT
    await webhooks.set_active(store, own, NOW, webhook_id="w0", active=False)
    await register(store, "https://hook.example/", id_="more")
    with pytest.raises(Refusal) as refused:
        await webhooks.set_active(store, own, NOW, webhook_id="w0", active=True)
    assert refused.value.reason is Reason.CONFLICT
    for work in (
        webhooks.read(store, stranger, webhook_id="w1"),
        webhooks.set_active(store, stranger, NOW, webhook_id="w1", active=False),
        webhooks.set_active(store, stranger, NOW, webhook_id="none", active=False),
    ):
        with pytest.raises(Refusal) as refused:
            await work
        assert refused.value.reason is Reason.NOT_FOUND
    assert not (await webhooks.page(store, stranger, window=Window())).items


PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - refused, never bound
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::1",
)


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_message_goes_to_an_address_that_is_not_public(receiver: Receiver, address: str) -> None:
    """A name that leads, among others, to such an address gets nothing, whatever it said when it was registered."""
    assert not public(address)

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", address]

    with pytest.raises(NotDeliveredError, match="not public"):
        await Post(anywhere=False, resolve=resolve)(receiver.url, {}, b"{}")
    assert not receiver.told


async def test_the_connection_goes_to_the_address_that_was_looked_at(receiver: Receiver) -> None:
    """A name is looked up once a message, so that a second answer cannot lead elsewhere."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    url = f"http://no-such-host.example:{receiver.port}/hook?a=1"
    await Post(anywhere=True, resolve=resolve)(url, {}, b"{}")
    assert asked == ["no-such-host.example"]
    assert receiver.told[0][0]["host"] == f"no-such-host.example:{receiver.port}"


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """An answer that points elsewhere is a failure, and nothing is sent there."""
    async with listening() as elsewhere:
        receiver.status, receiver.further = 307, f"location: {elsewhere.url}\r\n".encode()
        with pytest.raises(NotDeliveredError, match="status 307"):
            await Post(anywhere=True)(receiver.url, {}, b"{}")
        assert not elsewhere.told


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000])
async def test_an_answer_that_is_none(answer: bytes) -> None:
    """Silence, nonsense and endless headers are failures, and no more than a bounded part is read."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(NotDeliveredError):
            await Post(anywhere=True)(f"http://127.0.0.1:{port}/", {}, b"{}")


async def test_nobody_listens() -> None:
    """A refused connection is a failure."""
    server = await asyncio.start_server(Receiver().answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NotDeliveredError):
        await Post(anywhere=True)(f"http://127.0.0.1:{port}/", {}, b"{}")
