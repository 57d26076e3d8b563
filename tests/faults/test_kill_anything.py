"""P1 and P2 while node, Valkey and PostgreSQL are killed at random moments, alone and together."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress

import pytest

from tests.faults.load import Attempt, Load
from tests.faults.site import Site, revive

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
LONGEST_RECOVERY = 90

ALONE = (("valkey",), ("postgresql",), ("worker",), ("node",))
TOGETHER = (("valkey", "postgresql"), ("node", "valkey"), ("node", "postgresql"), ("node", "valkey", "postgresql"))

pytestmark = pytest.mark.timeout(300 + SECONDS)


def test_whatever_is_killed_no_token_is_lost_or_doubled(whole: Site, report: Callable[[str], None]) -> None:
    """Under load anything is killed: every token held is on record, no assertion has two, and tokens flow again."""
    client = whole.nodes[0].registry.granted_client()
    load = Load(whole.ports, lambda: (None, client.form()))
    recoveries: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    events: list[tuple[str, ...]] = []
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            events = events or [*random.sample(ALONE, len(ALONE)), *random.sample(TOGETHER, len(TOGETHER))]
            killed = events.pop(0)
            load.until(lambda attempt: attempt.status == 200, random.randint(1, 100))
            recoveries[" + ".join(killed)].append(strike(whole, killed, load))
    finally:
        attempts = load.stop()
    whole.heal()
    assert whole.unrecorded(load.held) == set()
    assert whole.issued_twice() == []
    assert load.broken == []
    answers = Counter(attempt.status for attempt in attempts)
    assert answers.keys() <= {0, 200, 400, 503}
    # What was recorded but not answered before a crash is refused as a replay when it is sent again.
    assert {attempt.code for attempt in attempts if attempt.status == 400} <= {"MP-012"}
    report(f"{SECONDS:.0f} s; answers by status, 0 for a broken connection: {dict(sorted(answers.items()))}")
    for kind, measured in sorted(recoveries.items()):
        first, every = (max(times) for times in zip(*measured, strict=True))
        report(f"{len(measured)} x kill -9 {kind}: token after {first:.2f} s at worst, from each node {every:.2f} s")


def strike(site: Site, killed: Collection[str], load: Load) -> tuple[float, float]:
    """Kill the parts, wait, start them; return the seconds from then until a token came, and one from each node.

    A node counts as started when its process has been, Valkey and PostgreSQL when they answer.
    """
    node = random.choice(site.nodes)
    if "worker" in killed:
        with suppress(ProcessLookupError):
            os.kill(random.choice(sorted(node.workers)), signal.SIGKILL)
    if "node" in killed:
        node.crash()
    for part, server in (("valkey", site.valkey), ("postgresql", site.postgres)):
        if part in killed:
            server.kill()
            time.sleep(random.random() / 10)
    time.sleep(random.random() * 2)
    for part, server in (("valkey", site.valkey), ("postgresql", site.postgres)):
        if part in killed:
            revive(server)
    place, back = len(load.attempts), time.monotonic()
    if "node" in killed:
        node.start()
    came = [_token(load, port, place, back) for port in site.ports]
    return min(came) - back, max(came) - back


def _token(load: Load, port: int, place: int, back: float) -> float:
    """When the first token came from a node that was asked for it after `back`."""

    def is_one(attempt: Attempt) -> bool:
        return attempt.began > back and attempt.status == 200 and attempt.port == port

    return load.until(is_one, since=place, seconds=LONGEST_RECOVERY).ended
