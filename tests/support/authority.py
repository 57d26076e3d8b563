"""A real authority for tests: `python -m authserver serve` on free loopback ports, with a registry to fill.

    with running(tmp_path) as authority:
        client = authority.registry.granted_client(alg="RS256", profile="maskinporten")
        answer = authority.token(client)  # POST /token with a fresh grant
        assert answer.status == 200, answer.body

It stands on an SQLite file below the directory, or on PostgreSQL with `database_url=server.create_database("a")` of a
`tests.support.servers.postgres()`.

`authority.registry` makes organisations, prefixes, scopes, clients, access and delegations in process (see
tests/support/registrar.py); `client.assertion(...)` and `client.form(...)` make what a test wants to send, and
`authority.post(form)` sends it. The node can be stopped, killed and started again on the same data and ports. Knows
nothing of pytest.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from authserver.services import migrate, open_key_ring
from authserver.settings import Settings
from tests.support.http import Answer, Form, post_form, request
from tests.support.registrar import RegisteredClient, Registrar

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 30


class Authority:
    """One authority: its settings, its process while it runs, and its registry.

    `settings` are fields of `Settings` that differ from: ports that are free, the issuer on the public one, an SQLite
    file and a key directory below `directory`.
    """

    def __init__(self, directory: Path, **settings: Any) -> None:
        free = free_ports(1 + settings.get("workers", 1))
        port = settings.setdefault("port", free[0])
        settings.setdefault("issuer", f"http://127.0.0.1:{port}/")
        settings.setdefault("management_port", free[1])
        settings.setdefault("database_url", f"sqlite+aiosqlite:///{directory}/authority.db")
        settings.setdefault("keys_dir", directory / "keys")
        self.directory = directory
        self.settings = Settings(**settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        """The issuer, with its trailing slash."""
        return self.settings.issuer

    @property
    def port(self) -> int:
        """The public port on loopback."""
        return self.settings.port

    @property
    def management_port(self) -> int:
        """The management port, of the first worker if there are several."""
        return self.settings.management_port

    @property
    def pid(self) -> int:
        """The process id of the node, of the watching parent if there are several workers."""
        if self._process is None:
            raise RuntimeError("the authority is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it has logged."""
        return (self.directory / "authority.log").read_text(errors="replace")

    @cached_property
    def registry(self) -> Registrar:
        """The registry, opened at its first use."""
        return Registrar(self.settings)

    def init(self) -> None:
        """Do what `authserver init` does; the signing keys are made once and copied, for that takes a second."""
        asyncio.run(migrate(self.settings))
        if not self.settings.keys_dir.exists():
            shutil.copytree(_signing_keys(), self.settings.keys_dir)

    def environment(self) -> dict[str, str]:
        """The environment that tells the program these settings."""
        told = {field.name: getattr(self.settings, field.name) for field in fields(Settings)}
        named = {f"AUTHSERVER_{name.upper()}": str(value) for name, value in told.items() if value is not None}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVER_")}
        return {**inherited, "PYTHONPATH": str(ROOT), **named}

    def start(self) -> None:
        """Start the node and return once every worker is ready. Raises RuntimeError, with the log, if one is not."""
        command = [sys.executable, "-m", "authserver", "serve"]
        with (self.directory / "authority.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.directory, env=self.environment()
            )
        deadline = time.monotonic() + START_SECONDS
        for worker in range(self.settings.workers):
            while not self.ready(worker):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop(signal.SIGKILL)
                    raise RuntimeError(f"the authority did not start:\n{self.log}")
                time.sleep(0.02)

    def ready(self, worker: int = 0) -> bool:
        """Tell whether a worker says that it is ready."""
        try:
            return request(self.management_port + worker, "GET", "/readyz").status == 200
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the node, wait for its end and return its exit status, negative for a signal."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process = None

    def post(self, form: Form, headers: Mapping[str, str] | None = None) -> Answer:
        """Post a form to the token endpoint; bytes are sent as they are."""
        return post_form(self.port, "/token", form, headers)

    def token(self, client: RegisteredClient, **claims: Any) -> Answer:
        """Ask for a token with a fresh grant of this client."""
        return self.post(client.form(**claims))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Read a public document."""
        return request(self.port, "GET", path, None, headers)

    def close(self) -> None:
        """End the node and let go of the registry."""
        self.stop()
        if "registry" in self.__dict__:
            self.registry.close()


def free_ports(count: int) -> range:
    """Ports in a row that are free on loopback, below those that the system gives to connections by itself."""
    while True:
        first = random.randrange(10_000, 32_000 - count)
        ports = range(first, first + count)
        try:
            for port in ports:
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return ports


@cache
def _signing_keys() -> Path:
    """Make the first signing keys, as `authserver init` does, in a directory that goes when this process ends."""
    directory = Path(tempfile.mkdtemp(prefix="tillit-keys-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    open_key_ring(Settings(keys_dir=directory / "keys")).init()
    return directory / "keys"


@contextmanager
def running(directory: Path, **settings: Any) -> Iterator[Authority]:
    """An initialised authority that answers, ended at the end; `settings` are fields of `Settings`."""
    authority = Authority(directory, **settings)
    try:
        authority.init()
        authority.start()
        yield authority
    finally:
        authority.close()
