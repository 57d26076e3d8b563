"""PostgreSQL restarted, cut off, slow, frozen, out of disk: nothing is answered that is not on record."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.asking import closed, serves_again, settled, turned_away
from tests.faults.load import Load
from tests.faults.site import Site, revive, site, until
from tests.hostile.crowd import burst, on_the_wire
from tests.support.servers import PostgresServer, ValkeyServer

STALLED = 300


def test_restarted(whole: Site, report: Callable[[str], None]) -> None:
    """While it is away 503 and not ready; once it is back the same assertions serve that nothing became of."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    used, kept = client.form(), client.form()
    assert node.post(used).status == 200
    whole.postgres.stop()
    assert closed(node.post(kept))
    assert "does not answer" in node.faults["database"]
    revive(whole.postgres)
    report(f"tokens from every node {serves_again(whole, client):.2f} s after PostgreSQL was back")
    assert settled(node, kept).status == 200
    assert node.post(used).code == "MP-012"


def test_connections_cut(whole: Site) -> None:
    """Cut connections cost some requests a 503 at most, and no token leaves unrecorded."""
    client = whole.nodes[0].registry.granted_client()
    load = Load(whole.ports, lambda: (None, client.form()))
    try:
        for _ in range(5):
            load.until(lambda attempt: attempt.status == 200, 10)
            whole.postgres.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'authserver'"
            )
        load.until(lambda attempt: attempt.status == 200, 10)
    finally:
        attempts = load.stop()
    assert {attempt.status for attempt in attempts} <= {200, 503, 400}
    assert {attempt.code for attempt in attempts if attempt.status == 400} <= {"MP-012"}
    assert whole.unrecorded(load.held) == set()
    assert whole.issued_twice() == []


def test_stalled(whole: Site, report: Callable[[str], None]) -> None:
    """When the record cannot be written everyone gets 503, within or at the door; memory stays; tokens flow again."""
    client = whole.nodes[0].registry.granted_client()
    requests = [(port, on_the_wire(client.form())) for port in whole.ports for _ in range(STALLED // 2)]
    before = memory(whole)
    with locked(whole, "decisions"):
        began = time.monotonic()
        answers = burst(requests)
        waited = time.monotonic() - began
    assert all(closed(answer) or turned_away(answer) for answer in answers)
    assert any(closed(answer) for answer in answers)
    again = serves_again(whole, client)
    report(
        f"{STALLED} requests all answered 503 within {waited:.1f} s, the nodes' memory grew by"
        f" {(memory(whole) - before) / 2**20:.1f} MiB; tokens from every node {again:.2f} s after the stall"
    )
    assert whole.issued_twice() == []


def test_slow(whole: Site) -> None:
    """A stall shorter than the deadline is waited out: late tokens, all on record, and a drain finishes them."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    load = Load([node.port], lambda: (None, client.form()), size=8)
    try:
        load.until(lambda attempt: attempt.status == 200, 10)
        with locked(whole, "decisions"):
            time.sleep(0.5)
            stopping = threading.Thread(target=node.stop, args=[signal.SIGTERM])
            stopping.start()
            time.sleep(0.5)
        stopping.join()
    finally:
        attempts = load.stop()
    # Whoever was in the queue when the node was told to stop got a token all the same.
    assert sum(attempt.status == 200 and attempt.ended - attempt.began > 0.4 for attempt in attempts) > 0
    assert {attempt.status for attempt in attempts} <= {200, 0}
    assert whole.unrecorded(load.held) == set()


def test_frozen(whole: Site, report: Callable[[str], None]) -> None:
    """A PostgreSQL that holds its connections and is silent is 503 within the deadline, and serves on waking."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    frozen = [whole.postgres.pid, *_backends(whole.postgres)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert closed(node.token(client))
        waited = time.monotonic() - began
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    report(f"503 after {waited:.1f} s; tokens {serves_again(whole, client):.2f} s after PostgreSQL woke")
    assert whole.issued_twice() == []


def test_the_disk_is_full(tmp_path: Path, valkey_server: ValkeyServer, report: Callable[[str], None]) -> None:
    """A disk without room is 503, loses no record, and tokens flow again once there is room."""
    with (
        small_disk() as (server, disk),
        site(tmp_path, server, valkey_server, redis_url=f"{valkey_server.url[:-1]}1", nodes=1) as small,
    ):
        client = small.nodes[0].registry.granted_client()
        load = Load(small.ports, lambda: (None, client.form()), size=3)
        try:
            load.until(lambda attempt: attempt.status == 200, 10)
            fill(disk / "filler")
            load.until(lambda attempt: attempt.status == 503, 10)
            held = load.held
            (disk / "filler").unlink()
            revive(server)
            began = time.monotonic()
            load.until(lambda attempt: attempt.status == 200, 10)
            report(f"tokens {time.monotonic() - began:.2f} s after there was room")
        finally:
            load.stop()
        assert held
        assert load.broken == []
        assert small.unrecorded(load.held) == set()
        assert small.issued_twice() == []


@contextmanager
def locked(site: Site, table: str) -> Iterator[None]:
    """Hold a table against everyone, so that a write to it waits."""
    database = site.nodes[0].settings.database_url.rpartition("/")[2]
    hold = f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"
    holder = threading.Thread(target=_quietly, args=[lambda: site.postgres.sql(hold, database)])
    holder.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'"
    try:
        until(lambda: site.postgres.sql(waits) == "1")
        yield
    finally:
        site.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'")
        holder.join()


@contextmanager
def small_disk() -> Iterator[tuple[PostgresServer, Path]]:
    """A running PostgreSQL whose data have a disk of 160 MB to themselves, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    directory = Path(tempfile.mkdtemp(prefix="tillit-disk-"))
    disk = directory / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", disk], check=True)
    try:
        for path in (directory, disk):
            shutil.chown(path, "nobody", "nogroup")
        server = PostgresServer(directory)
        try:
            server.start()
            yield server, disk
        finally:
            server.kill()
    finally:
        until(lambda: subprocess.run(["umount", disk], check=False).returncode == 0)
        shutil.rmtree(directory)


def fill(path: Path) -> None:
    """Write until there is no room for one byte more."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def memory(site: Site) -> int:
    """The bytes that the workers of all nodes hold in memory."""
    pages = [
        int(Path(f"/proc/{worker}/statm").read_text(encoding="ascii").split()[1])
        for node in site.nodes
        for worker in node.workers
    ]
    return sum(pages) * os.sysconf("SC_PAGESIZE")


def _backends(server: PostgresServer) -> list[int]:
    return [int(pid) for pid in server.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()").split()]


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except RuntimeError:
        # Its end is to be cut off.
        return
