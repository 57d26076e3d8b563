"""A memory of DPoP proofs that processes share: what it takes once, for how long, and what it does without a server."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import redis
import redis.asyncio

from tests.support import servers
from tests.tillit.adapters.calls import asgi_caller, wsgi_caller
from tests.tillit.adapters.matrix import Call, Case, sent
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import (
    ConfigError,
    DpopKey,
    DpopVerifier,
    InvalidProof,
    JwksSource,
    Policy,
    Presented,
    ProofMemory,
    ProofsUnavailable,
    RecentProofs,
    RedisProofs,
    TokenValidator,
)
from tillit import wsgi as tillit_wsgi
from tillit.asgi import TokenMiddleware

API = "https://api.example.no/"
NOW = 1_800_000_000
DIGESTS = (number.to_bytes(32, "big") for number in itertools.count())


@pytest.fixture
def digest() -> bytes:
    """One that no other test has."""
    return next(DIGESTS)


@pytest.fixture
def bound(authority: StubAuthority, clock: ManualClock) -> Callable[[], tuple[str, str]]:
    """A token, and a new proof for each request with it."""
    key = DpopKey.generate()
    token = authority.mint(cnf={"jkt": key.thumbprint})
    return lambda: (token, key.proof("GET", API, now=int(clock.time()), token=token))


@pytest.fixture
def protected(authority: StubAuthority, clock: ManualClock) -> Callable[[ProofMemory], TokenValidator]:
    """The validator of a process of the API, by its memory."""

    def made(memory: ProofMemory) -> TokenValidator:
        source = JwksSource.for_issuer(authority.issuer, clock=clock)
        return TokenValidator(Policy(authority.issuer, API), source, clock=clock, dpop=DpopVerifier(API, memory=memory))

    return made


def test_one_of_many_processes_takes_a_proof(valkey: servers.ValkeyServer, digest: bytes) -> None:
    """Eight forked children with their parent's memory, all asked at once: one of them has the first use."""
    memory = RedisProofs(valkey.url)
    assert memory.first_use(next(DIGESTS), NOW, NOW, NOW - 70)
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(8), context.SimpleQueue()

    def serve() -> None:
        barrier.wait(10)
        answers.put(memory.first_use(digest, NOW, NOW, NOW - 70))

    children = [context.Process(target=serve) for _ in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join(10)
    assert sorted(answers.get() for _ in children) == [False] * 7 + [True]


@pytest.mark.parametrize("awaited", [False, True])
def test_one_of_many_workers_serves_a_request(
    valkey: servers.ValkeyServer,
    bound: Callable[[], tuple[str, str]],
    protected: Callable[[ProofMemory], TokenValidator],
    awaited: bool,
) -> None:
    """Eight validators with memories of their own in one server, of which one takes each request, at either door."""
    workers = [protected(RedisProofs(valkey.url)) for _ in range(8)]
    barrier = threading.Barrier(8)
    for worker in workers:
        worker.warm()

    def serve(worker: TokenValidator, shown: Presented) -> bool:
        barrier.wait(10)
        try:
            asyncio.run(worker.avalidate_request(shown)) if awaited else worker.validate_request(shown)
        except InvalidProof:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            token, proof = bound()
            shown = Presented("DPoP", token, "GET", "/", (proof,))
            assert sorted(pool.map(serve, workers, [shown] * 8)) == [False] * 7 + [True]


def test_a_proof_is_kept_until_nobody_would_take_it(valkey: servers.ValkeyServer, digest: bytes) -> None:
    """One from the future is kept for longer than one that is nearly too old; both for a minute more, as clocks go."""
    memory, late = RedisProofs(valkey.url, prefix="p:"), next(DIGESTS)
    assert memory.first_use(digest, NOW + 10, NOW, NOW - 70)
    assert memory.first_use(late, NOW - 70, NOW, NOW - 70)
    with redis.Redis.from_url(valkey.url) as server:
        assert 140 <= server.ttl(f"p:{digest.hex()}") <= 141
        assert 60 <= server.ttl(f"p:{late.hex()}") <= 61
        server.pexpire(f"p:{late.hex()}", 0)
    assert memory.first_use(late, NOW - 70, NOW, NOW - 70)
    assert not memory.first_use(digest, NOW + 10, NOW, NOW - 70)


def test_prefixes_keep_apis_apart(valkey: servers.ValkeyServer, digest: bytes) -> None:
    """What one API has seen is new to another, also with a client that decodes what it reads."""
    with redis.Redis.from_url(valkey.url, decode_responses=True) as server:
        one, other = RedisProofs(server, prefix="one:"), RedisProofs(server, prefix="other:")
        assert one.first_use(digest, NOW, NOW, NOW - 70)
        assert other.first_use(digest, NOW, NOW, NOW - 70)
        assert not one.first_use(digest, NOW, NOW, NOW - 70)


@pytest.mark.parametrize("decode", [False, True])
def test_an_answer_lost_on_the_way_is_no_replay(valkey: servers.ValkeyServer, digest: bytes, decode: bool) -> None:
    """A client that asks again because it heard nothing finds its own mark, which is a first use."""

    class Twice(redis.Redis):
        def set(self, *arguments: Any, **options: Any) -> Any:
            super().set(*arguments, **options)
            return super().set(*arguments, **options)

    with Twice.from_url(valkey.url, decode_responses=decode) as server:
        memory = RedisProofs(server)
        assert memory.first_use(digest, NOW, NOW, NOW - 70)
        assert not memory.first_use(digest, NOW, NOW, NOW - 70)


@contextmanager
def wsgi_api(validator: TokenValidator) -> Iterator[Call]:
    """An API on WSGI."""

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"{}"]

    yield wsgi_caller(tillit_wsgi.TokenMiddleware(app, validator))


@contextmanager
def asgi_api(validator: TokenValidator) -> Iterator[Call]:
    """The same on ASGI."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    with asyncio.Runner() as runner:
        yield asgi_caller(TokenMiddleware(app, validator), runner)


@pytest.mark.parametrize("api", [wsgi_api, asgi_api])
def test_nothing_is_served_while_the_server_is_away(
    bound: Callable[[], tuple[str, str]],
    protected: Callable[[ProofMemory], TokenValidator],
    clock: ManualClock,
    api: Callable[[TokenValidator], Any],
) -> None:
    """The answer is 503, which says nothing of the server; and 200 again once it is back and a second has passed."""

    def request() -> Case:
        token, proof = bound()
        return Case("bound", "ok", sent(f"DPoP {token}") + sent(proof, b"dpop"))

    with servers.valkey() as server, api(protected(RedisProofs(server.url, clock=clock))) as call:
        used = request()
        assert call(used).status == 200
        server.kill()
        refused = call(request())
        assert refused.status == 503
        assert json.loads(refused.body)["error"] == "temporarily_unavailable"
        assert refused.headers["retry-after"] == "1"
        assert refused.challenge is None
        server.start()
        assert call(request()).status == 503
        clock.advance(1)
        assert call(request()).status == 200


def test_one_request_finds_out_whether_the_server_is_back(clock: ManualClock) -> None:
    """While it waits, the others are refused at once instead of waiting with it."""
    asked: list[str] = []

    class Away(redis.Redis):
        def set(self, name: Any, *_arguments: Any, **_options: Any) -> Any:
            asked.append(name)
            if len(asked) == 2:
                with pytest.raises(ProofsUnavailable, match="a moment ago"):
                    memory.first_use(next(DIGESTS), NOW, NOW, NOW - 70)
            raise redis.TimeoutError

    memory = RedisProofs(Away(), clock=clock)
    for _ in range(2):
        with pytest.raises(ProofsUnavailable, match="TimeoutError"):
            memory.first_use(next(DIGESTS), NOW, NOW, NOW - 70)
        clock.advance(1)
    assert len(asked) == 2


def test_what_the_server_says_of_itself_is_told_to_the_log_alone() -> None:
    """Neither its address nor its password stands in the message."""
    memory = RedisProofs("redis://user:hunter2@127.0.0.1:1/0")
    with pytest.raises(ProofsUnavailable) as caught:
        memory.first_use(next(DIGESTS), NOW, NOW, NOW - 70)
    assert "hunter2" not in f"{caught.value} {memory!r}"
    assert "127.0.0.1" not in str(caught.value)


def test_a_client_whose_answers_are_all_true_is_refused() -> None:
    """What a client of redis.asyncio returns is awaitable, so that each proof would be new."""
    with pytest.raises(ConfigError, match=r"redis\.asyncio"):
        RedisProofs(redis.asyncio.Redis())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="address"):
        RedisProofs("https://redis.example.no/")


def test_memories_without_an_awaited_way_are_asked_as_before(
    bound: Callable[[], tuple[str, str]], protected: Callable[[ProofMemory], TokenValidator]
) -> None:
    """A memory that has `first_use` alone serves both doors."""

    class Own:
        def __init__(self) -> None:
            self.kept = RecentProofs()

        def first_use(self, digest: bytes, issued_at: int, now: int, horizon: int) -> bool:
            return self.kept.first_use(digest, issued_at, now, horizon)

    validator, (token, proof) = protected(Own()), bound()
    shown = Presented("DPoP", token, "GET", "/", (proof,))
    asyncio.run(validator.avalidate_request(shown))
    with pytest.raises(InvalidProof, match="before"):
        validator.validate_request(shown)


def test_a_loop_goes_on_while_the_server_thinks(valkey: servers.ValkeyServer, digest: bytes) -> None:
    """While one task waits for the server, another of the same loop runs."""
    reached, go_on = threading.Event(), threading.Event()

    class Slow(redis.Redis):
        def set(self, *arguments: Any, **options: Any) -> Any:
            reached.set()
            assert go_on.wait(10)
            return super().set(*arguments, **options)

    async def main(server: redis.Redis) -> bool:
        waiting = asyncio.create_task(RedisProofs(server).afirst_use(digest, NOW, NOW, NOW - 70))
        assert await asyncio.to_thread(reached.wait, 10)
        go_on.set()
        return await waiting

    with Slow.from_url(valkey.url) as server:
        assert asyncio.run(main(server))
