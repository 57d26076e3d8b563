"""Two nodes, their PostgreSQL and their Valkey: what faults happen to, and what the database says afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from authserver.keys.ring import KeyRing
from tests.support.authority import ROOT, Authority
from tests.support.http import request
from tests.support.servers import PostgresServer, Server, ValkeyServer

START_AGAIN = 5
KEYS_ARE_OLD = 4 * 3600


class Node(Authority):
    """A node that can crash with all its processes, and whose wall clock can be wrong."""

    @property
    def workers(self) -> set[int]:
        """The processes that serve, the watching parent apart."""
        return children(self.pid)

    @property
    def runs(self) -> bool:
        """Tell whether the node has been started and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    @property
    def faults(self) -> dict[str, str]:
        """What the first worker says it lacks to be ready, a sentence for each part."""
        return dict(request(self.management_port, "GET", "/readyz").json["faults"])

    def crash(self) -> None:
        """End every process of it at once, as a machine that loses power does."""
        workers = self.workers if self.runs else set()
        self.stop(signal.SIGKILL)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        until(lambda: not any(_serves(worker) for worker in workers))

    def set_clock(self, seconds: int) -> None:
        """Let the wall clock of a node of `odd_clock` be off by so many seconds, from now on."""
        written = self.directory / "offset.new"
        written.write_text(str(seconds), encoding="ascii")
        written.replace(self.directory / "offset")

    def environment(self) -> dict[str, str]:
        offset = self.directory / "offset"
        if not offset.exists():
            return super().environment()
        path = f"{Path(__file__).parent / 'clock'}{os.pathsep}{ROOT}"
        return {**super().environment(), "PYTHONPATH": path, "TILLIT_CLOCK_OFFSET": str(offset)}


@dataclass(frozen=True)
class Site:
    """The nodes share issuer, keys, PostgreSQL and Valkey; `nodes[0].registry` fills the registry."""

    postgres: PostgresServer
    valkey: ValkeyServer
    nodes: tuple[Node, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """The public ports of the nodes."""
        return tuple(node.port for node in self.nodes)

    def heal(self) -> None:
        """Return when everything runs and says that it is ready."""
        for server in (self.postgres, self.valkey):
            revive(server)
        self.valkey.cli("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "0")
        for node in self.nodes:
            if not node.runs:
                node.stop()
                node.start()
        until(lambda: all(node.ready(worker) for node in self.nodes for worker in range(node.settings.workers)))

    def unrecorded(self, held: Collection[str]) -> set[str]:
        """Those of the tokens that clients hold, by digest, that are not on record exactly once."""
        rows = self.nodes[0].registry.rows("SELECT token_sha256 FROM decisions WHERE outcome = 'issued'")
        recorded = Counter(str(row["token_sha256"]) for row in rows)
        return {digest for digest in held if recorded[digest] != 1}

    def issued_twice(self) -> list[str]:
        """The assertions that have more than one token on record."""
        rows = self.nodes[0].registry.rows(
            "SELECT assertion_id FROM decisions WHERE outcome = 'issued'"
            " GROUP BY client_id, assertion_id HAVING count(*) > 1"
        )
        return [str(row["assertion_id"]) for row in rows]


@contextmanager
def site(
    directory: Path,
    postgres: PostgresServer,
    valkey: ValkeyServer,
    *,
    redis_url: str = "",
    nodes: int = 2,
    workers: int = 1,
) -> Iterator[Site]:
    """Nodes that answer, on a database of their own, ended at the end."""
    url = postgres.create_database(f"t{token_hex(4)}")
    settings: dict[str, Any] = {"database_url": url, "redis_url": redis_url or valkey.url, "workers": workers}
    with ExitStack() as stack:
        made: list[Node] = []
        for number in range(nodes):
            folder = directory / str(number)
            folder.mkdir()
            shared = {"issuer": made[0].issuer, "keys_dir": made[0].settings.keys_dir} if made else {}
            made.append(Node(folder, **settings, **shared))
            stack.callback(made[-1].close)
            if len(made) == 1:
                _make_keys(made[0])
            made[-1].init()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Node.start, made))
        yield Site(postgres, valkey, tuple(made))


def _make_keys(node: Node) -> None:
    """Make signing keys that have been active for some hours, as in an authority that has run for a while."""
    KeyRing.open(node.settings.keys_dir, lambda: int(time.time()) - KEYS_ARE_OLD).init()


@contextmanager
def odd_clock(directory: Path, beside: Node, seconds: int) -> Iterator[Node]:
    """One more node of the same authority, whose wall clock is off by so many seconds."""
    like = beside.settings
    node = Node(
        directory,
        issuer=like.issuer,
        keys_dir=like.keys_dir,
        database_url=like.database_url,
        redis_url=like.redis_url,
    )
    try:
        node.set_clock(seconds)
        node.start()
        yield node
    finally:
        node.close()


def revive(server: Server) -> None:
    """Start a server that may be running, frozen or dead; one that was killed may need a moment to go."""
    with suppress(RuntimeError, ProcessLookupError):
        server.signal(signal.SIGCONT)
    if server.ready():
        return
    for left in reversed(range(START_AGAIN)):
        try:
            server.kill()
            server.start()
            return
        except RuntimeError:
            if not left:
                raise
            time.sleep(1)


def until(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Return, once something is so, after how many seconds it was. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            raise TimeoutError
        time.sleep(0.02)
    return time.monotonic() - began


def children(pid: int) -> set[int]:
    """The living processes whose parent this is."""
    return {child for child in _processes() if _status(child)[1:2] == [str(pid)] and _serves(child)}


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").glob("[0-9]*"))


def _serves(pid: int) -> bool:
    return _status(pid)[:1] not in ([], ["Z"])


def _status(pid: int) -> list[str]:
    """State, parent and so on of a process, nothing when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
