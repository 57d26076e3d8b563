"""How many token requests a host sends: one a key, however many threads, tasks, loops and processes want it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support import servers
from tests.tillit.conftest import Keys
from tests.tillit.stores import environment
from tests.tillit.stub import StubAuthority
from tests.tillit.token_process import ASYNC_SCOPES, SYNC_SCOPES, client_of, get_all, get_slowly, hang
from tillit import AsyncTokenClient, ClientConfig, FileStore, TokenClient, signers

PROCESSES = 8
KINDS = ["file", "redis"]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def caches(tmp_path: Path, valkey: servers.ValkeyServer) -> dict[str, str]:
    """An empty store of each kind."""
    valkey.cli("FLUSHALL")
    return {"file": f"file:{tmp_path}/cache", "redis": valkey.url}


def requests(authority: StubAuthority) -> Counter[str]:
    """How many token requests came for each scope."""
    return Counter(asked["scope"] for asked in authority.assertions)


def wait_for_request(authority: StubAuthority) -> None:
    """Return once the token endpoint has been asked."""
    while "/token" not in authority.hits:
        time.sleep(0.005)


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_cold_threads(authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str) -> None:
    """Fifty threads of one process with an empty memory and an empty store cause one request a key."""
    client = TokenClient.from_env(environ=environment(authority, keys, caches[kind]))
    start = threading.Barrier(50)

    def ask(number: int) -> tuple[str, str]:
        scope = SYNC_SCOPES[number % 2]
        start.wait(10)
        return scope, client.get(scope).value

    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(ask, range(50)))

    assert requests(authority) == dict.fromkeys(SYNC_SCOPES, 1)
    assert len(answers) == len(SYNC_SCOPES)


@pytest.mark.parametrize("kind", KINDS)
def test_five_hundred_tasks_on_two_loops(
    authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str
) -> None:
    """Five hundred tasks on two loops in two threads cause one request a key."""
    client = AsyncTokenClient.from_env(environ=environment(authority, keys, caches[kind]))
    start = threading.Barrier(2)

    async def ask() -> set[str]:
        start.wait(10)
        tokens = await asyncio.gather(*(client.get(SYNC_SCOPES[number % 2]) for number in range(250)))
        return {token.value for token in tokens}

    with ThreadPoolExecutor(2) as pool:
        values = set().union(*pool.map(lambda _: asyncio.run(ask()), range(2)))

    assert requests(authority) == dict.fromkeys(SYNC_SCOPES, 1)
    assert len(values) == len(SYNC_SCOPES)


@pytest.mark.parametrize(
    "context", [multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")], ids=["fork", "spawn"]
)
def test_eight_processes(
    authority: StubAuthority,
    keys: Keys,
    caches: dict[str, str],
    context: ForkContext | SpawnContext,
) -> None:
    """Eight processes that begin at once, forked or from nothing, cause one request a key in each kind of store."""
    environments = [environment(authority, keys, cache) for cache in caches.values()]
    start, answers = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=get_all, args=(environments, start, answers)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    values = {tuple(answers.get(timeout=60)) for _ in processes}
    for process in processes:
        process.join(30)

    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert requests(authority) == dict.fromkeys(SYNC_SCOPES + ASYNC_SCOPES, len(caches))
    assert len(values) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_forks_of_a_client_that_is_in_use(
    authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str
) -> None:
    """Eight children forked by hand while the parent fetches use the parent's client, and its request is the one."""
    client = TokenClient.from_env(environ=environment(authority, keys, caches[kind]))
    with ThreadPoolExecutor(1) as pool:
        with authority.held():
            pending = pool.submit(client.get, "a:1")
            wait_for_request(authority)
            children = [_forked(lambda: client.get("a:1").value) for _ in range(PROCESSES)]
        value = pending.result(10).value
    answers = [child() for child in children]

    assert set(answers) == {value}
    assert requests(authority) == {"a:1": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_holder_that_is_killed_stalls_nobody(
    authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str
) -> None:
    """When the process that holds the lock is killed with -9, another gets a token within the lock's time-out."""
    environ = environment(authority, keys, caches[kind])
    context = multiprocessing.get_context("fork")
    with authority.held():
        holder = context.Process(target=get_slowly, args=(environ, "a:1"))
        holder.start()
        wait_for_request(authority)
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        holder.join(10)

    client = client_of(environ, deadline=12.0)
    token = client.get("a:1", deadline=11.0)

    assert requests(authority) == {"a:1": 2}
    assert client_of(environ, deadline=12.0).get("a:1") == token


@pytest.mark.parametrize("kind", KINDS)
def test_holder_that_hangs_stalls_nobody(
    authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str
) -> None:
    """A process that is stopped with the lock in its hands is waited for no longer than half the deadline."""
    environ = environment(authority, keys, caches[kind])
    client = client_of(environ, deadline=0.6)
    context = multiprocessing.get_context("fork")
    ready = context.Queue()
    holder = context.Process(target=hang, args=(caches[kind], client._look_up("a:1")[1], ready))
    holder.start()
    try:
        assert ready.get(timeout=10)
        assert client.get("a:1").value
        assert client_of(environ, deadline=0.6).get("a:1") == client.get("a:1")
    finally:
        holder.kill()
        holder.join(10)
    assert requests(authority) == {"a:1": 1}


def test_redis_that_goes_away_costs_no_token(
    authority: StubAuthority, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens are fetched directly while the server is down, and shared again when it is back."""
    with servers.valkey() as server:
        environ = environment(authority, keys, server.url)
        first, second = TokenClient.from_env(environ=environ), TokenClient.from_env(environ=environ)
        assert first.get("a:1") == second.get("a:1")
        server.kill()
        assert first.get("a:2") != second.get("a:2")
        server.start()
        third = TokenClient.from_env(environ=environ)
        assert third.get("a:3") == TokenClient.from_env(environ=environ).get("a:3")

    assert requests(authority) == {"a:1": 1, "a:2": 2, "a:3": 1}
    assert [record.levelname for record in caplog.records if "token store" in record.message] == ["WARNING"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_encrypted_tokens_are_shared_by_those_who_have_the_key(
    authority: StubAuthority, keys: Keys, caches: dict[str, str], kind: str
) -> None:
    """With TILLIT_TOKEN_CACHE_KEY set, those with the same key share, and those with another do not."""
    ours, theirs = (environment(authority, keys, caches[kind], bytes([number]) * 32) for number in (1, 2))
    assert TokenClient.from_env(environ=ours).get("a:1") == TokenClient.from_env(environ=ours).get("a:1")
    assert TokenClient.from_env(environ=theirs).get("a:1").value
    assert requests(authority) == {"a:1": 2}


def test_configuration_travels_and_its_private_key_does_not(
    authority: StubAuthority, keys: Keys, tmp_path: Path
) -> None:
    """A configuration is pickled where its signer can be; a key in memory refuses, and says what to do instead."""
    remote = signers.from_callable("Ed25519", "k1", _Remote(keys.pem(keys.ed25519)))
    config = ClientConfig(authority.issuer, "client-1", remote, token_cache=f"file:{tmp_path}/cache")
    copied = pickle.loads(pickle.dumps(config))  # noqa: S301 - our own bytes

    assert TokenClient(copied).get("a:1") == TokenClient(config).get("a:1")
    with pytest.raises(TypeError, match="build it again"):
        pickle.dumps(ClientConfig(authority.issuer, "client-1", signers.from_pem(keys.pem(keys.ed25519))))


def test_configuration_shows_neither_address_nor_key_of_the_cache(authority: StubAuthority, keys: Keys) -> None:
    """The address of a Redis may hold a password."""
    environ = environment(authority, keys, "redis://user:hunter2@localhost/0", b"0123456789abcdef")
    config = ClientConfig.from_env(environ=environ)
    assert "hunter2" not in repr(config) + repr(TokenClient(config))
    assert environ["TILLIT_TOKEN_CACHE_KEY"] not in repr(config)


def test_file_lock_is_not_inherited_by_a_fork(tmp_path: Path) -> None:
    """A child forked while its parent holds a lock neither holds it nor gives it up."""
    store = FileStore(tmp_path / "cache")
    lease = store.lock("5f" * 32, 60)
    assert lease is not None
    assert _forked(lambda: "had it" if store.lock("5f" * 32, 60) else "waits")() == "waits"
    lease.release()
    assert _forked(lambda: "had it" if store.lock("5f" * 32, 60) else "waits")() == "had it"


class _Remote:
    """A key service, to the library; it is pickled as what it was made from."""

    def __init__(self, pem: str) -> None:
        self._pem = pem

    def __call__(self, data: bytes) -> bytes:
        key = load_pem_private_key(self._pem.encode(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key.sign(data)


def _forked(work: Callable[[], str]) -> Callable[[], str]:
    """Do `work` in a forked child; call the result for what it gave."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, work().encode())
        finally:
            os._exit(0)
    os.close(writer)

    def answer() -> str:
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read().decode()
        os.waitpid(child, 0)
        return text

    return answer
