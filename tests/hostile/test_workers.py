"""Several processes behind one socket: one may die, all end together, and none is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile.crowd import Crowd, held
from tests.support.authority import Authority, running


def children(pid: int) -> set[int]:
    """The processes whose parent this is."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Authority]:
    """An authority of two workers."""
    with running(tmp_path, workers=2) as authority:
        yield authority


def test_a_worker_that_dies_is_started_again(pair: Authority) -> None:
    """One worker is killed under load: the other goes on, a new one takes its place, and no token is off the record."""
    client = pair.registry.granted_client()
    before = children(pair.pid)
    assert len(before) == 2
    crowd = Crowd(pair.port, client)
    try:
        crowd.wait_for_more(200)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(children(pair.pid)) == 2 and children(pair.pid) != before)
        until(lambda: pair.ready(0) and pair.ready(1))
        crowd.wait_for_more(200)
    finally:
        asked = crowd.stop()
    rows = pair.registry.rows("SELECT token_sha256 FROM decisions WHERE outcome = 'issued'")
    assert held(asked) <= {row["token_sha256"] for row in rows}
    assert {each.status for each in asked} <= {200, 0}


def test_all_workers_end_with_the_node(pair: Authority) -> None:
    """SIGTERM ends every worker in good order."""
    workers = children(pair.pid)
    assert pair.stop() == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_no_worker_outlives_a_node_that_was_killed(pair: Authority) -> None:
    """When the watching process is killed its workers end too, and the port is free for the next node."""
    workers = children(pair.pid)
    pair.stop(signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{worker}/fd").exists() and _alive(worker) for worker in workers))
    pair.start()
    assert pair.token(pair.registry.granted_client()).status == 200


def test_a_node_that_cannot_start_says_so_and_ends(tmp_path: Path) -> None:
    """Workers that find no database do not try for ever."""
    authority = Authority(tmp_path, workers=2)
    with pytest.raises(RuntimeError, match="authserver init"):
        authority.start()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
