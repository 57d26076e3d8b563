"""Valkey failed over: a replica takes over by Sentinel's word, or a Cluster loses a primary."""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from authserver.oauth.unavailable import Unavailable
from tests.faults.asking import closed, serves_again, settled
from tests.faults.load import Load
from tests.faults.site import revive, site, until
from tests.support.servers import PostgresServer, ValkeyServer, unprivileged, valkey, valkey_cluster

FAST = ("--repl-diskless-sync-delay", "0")


class Sentinel(ValkeyServer):
    """One Sentinel that watches a primary by the name `tillit` and decides alone."""

    def __init__(self, directory: Path, primary: ValkeyServer) -> None:
        super().__init__(directory)
        self._settings = directory / "sentinel.conf"
        self._settings.write_text(
            f"bind 127.0.0.1\nport {self.port}\n"
            f"sentinel monitor tillit 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds tillit 500\nsentinel failover-timeout tillit 3000\n",
            encoding="ascii",
        )

    def command(self) -> Sequence[str]:
        return [str(self._programs / "valkey-server"), str(self._settings), "--sentinel"]


@pytest.fixture(autouse=True)
def careless_client() -> Iterator[None]:
    """Let the client drop connections unclosed, as it does when it learns who serves now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextmanager
def sentinel(primary: ValkeyServer) -> Iterator[Sentinel]:
    """A running Sentinel, stopped and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="tillit-sentinel-"))
    try:
        made = Sentinel(directory, primary)
        if unprivileged():
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        try:
            made.start()
            yield made
        finally:
            made.kill()
    finally:
        shutil.rmtree(directory)


def test_sentinel_promotes_a_replica(
    tmp_path: Path, postgres_server: PostgresServer, report: Callable[[str], None]
) -> None:
    """The primary dies under load: the nodes find the promoted replica, no token is lost, doubled or issued unseen."""
    with (
        valkey(*FAST) as primary,
        valkey(*FAST, "--replicaof", "127.0.0.1", str(primary.port)) as replica,
        sentinel(primary) as watcher,
    ):
        until(lambda: "master_link_status:up" in replica.cli("INFO", "replication"))
        until(lambda: "slaves=1" in watcher.cli("INFO", "sentinel"))
        url = f"redis+sentinel://127.0.0.1:{watcher.port}/tillit"
        with site(tmp_path, postgres_server, primary, redis_url=url) as watched:
            client, revoked = (watched.nodes[0].registry.granted_client() for _ in range(2))
            used = client.form()
            assert watched.nodes[0].post(used).status == 200
            assert watched.nodes[1].token(revoked).status == 200
            load = Load(watched.ports, lambda: (None, client.form()), size=3)
            try:
                load.until(lambda attempt: attempt.status == 200, 10)
                watched.nodes[0].registry.set_client(revoked, active=False)
                primary.kill()
                killed = time.monotonic()
                until(lambda: "role:master" in replica.cli("INFO", "replication"))
                promoted = time.monotonic()
                serves_again(watched, client)
                again = time.monotonic()
            finally:
                load.stop()
            report(f"promoted {promoted - killed:.1f} s after the kill, tokens {again - promoted:.2f} s after that")
            assert [node.post(used).code for node in watched.nodes] == ["MP-012"] * 2
            assert [node.token(revoked).code for node in watched.nodes] == ["AS-101"] * 2
            assert load.broken == []
            assert watched.unrecorded(load.held) == set()
            assert watched.issued_twice() == []


def test_a_cluster_loses_a_primary(
    tmp_path: Path, postgres_server: PostgresServer, report: Callable[[str], None]
) -> None:
    """Three primaries without replicas: what the dead one held is 503, the rest goes on, and back empty it serves."""
    with valkey_cluster() as primaries:
        url = f"redis+cluster://127.0.0.1:{primaries[0].port}"
        with site(tmp_path, postgres_server, primaries[0], redis_url=url) as made:
            registry = made.nodes[0].registry
            client, revoked = (registry.granted_client() for _ in range(2))
            forms = [client.form() for _ in range(40)]
            assert {made.nodes[place % 2].post(form).status for place, form in enumerate(forms)} == {200}
            load = Load(made.ports, lambda: (None, client.form()), size=3)
            try:
                load.until(lambda attempt: attempt.status == 200, 10)
                primaries[1].kill()
                for status in (503, 200):
                    load.until(lambda attempt, status=status: attempt.status == status, 10)  # type: ignore[misc]
                # An announcement reaches every partition or is not called effective.
                with pytest.raises(Unavailable):
                    registry.set_client(revoked, active=False)
                answers = [made.nodes[1].post(form) for form in forms]
                assert all(closed(answer) or answer.code == "MP-012" for answer in answers)
                assert {answer.status for answer in answers} == {400, 503}
                revive(primaries[1])
                back = time.monotonic()
                until(lambda: all(made.nodes[place % 2].token(client).status == 200 for place in range(40)))
                report(f"40 tokens in a row from both nodes {time.monotonic() - back:.1f} s after the primary was back")
            finally:
                load.stop()
            assert {settled(made.nodes[place % 2], form).code for place, form in enumerate(forms)} == {"MP-012"}
            assert {node.token(revoked).code for node in made.nodes} == {"AS-101"}
            assert load.broken == []
            assert made.unrecorded(load.held) == set()
            assert made.issued_twice() == []
