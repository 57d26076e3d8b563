"""What a process does that gets tokens beside others; started by `multiprocessing`, forked or from nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from signal import SIGSTOP

from tillit import AsyncTokenClient, ClientConfig, RetryPolicy, TokenClient
from tillit.stores import open_store

Environment = Mapping[str, str]

SYNC_SCOPES = ["a:1", "a:2"]
ASYNC_SCOPES = ["b:1", "b:2"]


def get_all(environments: list[Environment], start: Barrier, answers: Queue[list[str]]) -> None:
    """With each of `environments`, get what both clients get for their scopes at the same time as other processes."""
    values = []
    for environ in environments:
        client = TokenClient.from_env(environ=environ)
        for scope in SYNC_SCOPES:
            start.wait(60)
            values.append(client.get(scope).value)
        start.wait(60)
        values += asyncio.run(_ask_all(environ))
    answers.put(values)


async def _ask_all(environ: Environment) -> list[str]:
    async with AsyncTokenClient.from_env(environ=environ) as client:
        tokens = await asyncio.gather(*(client.get(scope) for scope in ASYNC_SCOPES * 10))
    return [token.value for token in tokens[: len(ASYNC_SCOPES)]]


def get_slowly(environ: Environment, scope: str) -> None:
    """Get one token; whoever starts this sees to it that the authority does not answer."""
    client_of(environ, deadline=1.0).get(scope)


def hang(cache: str, key: str, ready: Queue[bool]) -> None:
    """Take a lock and stop, alive, without giving it up."""
    store = open_store(cache)
    assert store is not None
    lease = store.lock(key, 60)
    ready.put(lease is not None)
    time.sleep(0.2)  # the queue is written by a thread
    os.kill(os.getpid(), SIGSTOP)


def client_of(environ: Environment, deadline: float) -> TokenClient:
    """A client whose locks outlive their holder by half of `deadline`."""
    return TokenClient(ClientConfig.from_env(environ=environ), retry=RetryPolicy(deadline=deadline))
