"""P1 and P2 on four workers while they are killed: one assertion, one token, on record."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from json import loads

import pytest

from tests.faults.site import Node, Site, until
from tests.hostile.crowd import on_the_wire

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "8"))
CROWD = 100
STORM_SECONDS = 60

pytestmark = pytest.mark.timeout(300 + 3 * ROUNDS)


def test_100_posts_of_one_assertion_and_random_kills_yield_one_token(
    whole: Site, report: Callable[[str], None]
) -> None:
    """However workers and nodes are killed meanwhile, an assertion has at most one token, and that is on record."""
    client = whole.nodes[0].registry.granted_client()
    kills: Counter[str] = Counter()
    tokens: list[int] = []
    held: set[str] = set()
    restarts: list[threading.Thread] = []
    for _ in range(ROUNDS):
        until(lambda: any(node.ready(worker) for node in whole.nodes for worker in range(2)))
        data = on_the_wire(client.form())
        killer = threading.Timer(random.random() / 8, kill_something, (whole, kills, restarts))
        killer.start()
        got = storm([(port, data) for port in whole.ports] * (CROWD // 2))
        killer.join()
        # Who was not answered asks again.
        got |= storm([(port, data) for port in whole.ports] * 5)
        assert len(got) <= 1
        tokens.append(len(got))
        held |= got
    for restart in restarts:
        restart.join()
    assert whole.issued_twice() == []
    assert whole.unrecorded(held) == set()
    assert held
    report(f"{ROUNDS} rounds of {CROWD} posts, {dict(kills)}; {sum(tokens)} rounds gave a token, none gave two")


def kill_something(site: Site, kills: Counter[str], restarts: list[threading.Thread]) -> None:
    """Kill one worker or a whole node with SIGKILL, or nothing; whoever watches a node starts it again."""
    what = random.choices(["nothing", "a worker", "a node"], [2, 6, 2])[0]
    serving = [node for node in site.nodes if node.runs and (node.ready(0) or node.ready(1))]
    if what == "nothing" or not serving:
        return
    node = random.choice(serving)
    if what == "a worker":
        with suppress(ProcessLookupError, IndexError):
            os.kill(random.choice(sorted(node.workers)), signal.SIGKILL)
            kills[what] += 1
    elif len(serving) == len(site.nodes) and not any(restart.is_alive() for restart in restarts):
        # Never the only one that there is to ask, nor one that is on its way back.
        node.crash()
        kills[what] += 1
        restarts.append(_start(node))


def _start(node: Node) -> threading.Thread:
    thread = threading.Thread(target=node.start)
    thread.start()
    return thread


def storm(requests: Sequence[tuple[int, bytes]]) -> set[str]:
    """Send every request at once, each on a connection of its own; return the digests of the tokens that came."""
    return asyncio.run(_storm(requests))


async def _storm(requests: Sequence[tuple[int, bytes]]) -> set[str]:
    async with asyncio.timeout(STORM_SECONDS):
        answers = await asyncio.gather(*(_ask(port, data) for port, data in requests))
    return {digest for digest in answers if digest}


async def _ask(port: int, data: bytes) -> str:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        token = str(loads(body)["access_token"]) if b" 200 " in head[:16] else ""
    except (OSError, ValueError):
        return ""
    return sha256(token.encode("ascii")).hexdigest() if token else ""
