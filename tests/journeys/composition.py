"""docker-compose.yml, read as an engine reads it, and its services run as processes on loopback.

What differs from containers is told by `Composition._local`, and only that: host names and ports become free ones on
loopback, and paths of an image become those of this machine. Commands, environments, secrets, order of start and
health checks are the file's own. Knows nothing of pytest.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from tests.support import servers
from tests.support.servers import PostgresServer, Server, ValkeyServer, free_port

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
MAKE_SECRETS = ROOT / "deploy/compose/make-secrets"
SECONDS = 60
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")

Document = dict[str, Any]


def read(environ: Mapping[str, str] | None = None) -> Document:
    """Return the file with its variables filled in."""
    document = _filled(yaml.safe_load(FILE.read_text(encoding="utf-8")), environ or {})
    if not isinstance(document, dict):
        raise TypeError("not a Compose file")
    return document


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, environ) for item in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: environ.get(found[1]) or found[2], value)
    return value


def start_order(services: Document) -> list[str]:
    """Return the services, each after those that it depends on. Raises CycleError."""
    needed = {name: service.get("depends_on", ()) for name, service in services.items()}
    return list(TopologicalSorter(needed).static_order())


class _Postgres(PostgresServer):
    """Takes the password of the one role from the service's secret, and demands it of everybody but the superuser."""

    def __init__(self, directory: Path, environment: Mapping[str, str], password: str) -> None:
        super().__init__(directory)
        self._role, self._database = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
        self._password = password
        rules = ("host all postgres 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256")
        (directory / "data/pg_hba.conf").write_text("\n".join(rules) + "\n", encoding="ascii")

    def start(self) -> None:
        """Start it, and make the role and the database as the image does."""
        super().start()
        self.sql(f"CREATE ROLE {self._role} LOGIN PASSWORD '{self._password}'")
        self.sql(f"CREATE DATABASE {self._database} OWNER {self._role}")

    def query(self, statement: str, password: str) -> subprocess.CompletedProcess[str]:
        """Run one statement as the role, with a password."""
        command = [
            str(self._programs / "psql"),
            *self._address(),
            "-U",
            self._role,
            "-d",
            self._database,
            "-wXqtc",
            statement,
        ]
        environment = {**os.environ, "PGPASSWORD": password}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


class _Valkey(ValkeyServer):
    """Runs the service's own command."""

    def __init__(self, directory: Path, command: Sequence[str]) -> None:
        super().__init__(directory)
        self._given = command

    def command(self) -> Sequence[str]:
        program, *arguments = self._given
        return [str(self._programs / program), *arguments, "--bind", "127.0.0.1", "--port", str(self.port)]

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                # Strangers are refused, and that is an answer.
                return connection.recv(16).startswith(b"-NOAUTH")
        except OSError:
            return False


class Composition:
    """The file's services as processes, each with the secrets that it names and no others."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = {name: free_port() for name in ("authority-1", "authority-2", "balancer", "demo-api")}
        self._management = {name: free_port() for name in ("authority-1", "authority-2")}
        self.issuer = f"http://localhost:{self.ports['balancer']}/"
        self.services: Document = read({"TILLIT_ISSUER": self.issuer})["services"]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self.servers: dict[str, Server] = {}
        subprocess.run([MAKE_SECRETS, directory / "secrets"], check=True, capture_output=True)

    def up(self) -> None:
        """Start every service in the order of the file, waiting for what each depends on."""
        for name in start_order(self.services):
            for other, terms in self.services[name].get("depends_on", {}).items():
                self._await(other, terms["condition"])
            self.start(name)
        for name in self.services:
            if not self.services[name]["healthcheck"].get("disable"):
                self._await(name, "service_healthy")

    def start(self, name: str) -> None:
        """Start one service."""
        if name in ("postgres", "valkey"):
            self.servers[name] = self._stack.enter_context(self._server(name))
            return
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._command(name), stdout=log, stderr=log, cwd=self.directory, env=self._environment(name)
            )

    def stop(self, name: str) -> int:
        """Stop one service as an engine does, and return its exit status."""
        process = self._processes.pop(name)
        process.terminate()
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def restart(self, name: str) -> int:
        """Stop a service and start it again; return the status it stopped with, once the new one is healthy."""
        status = self.stop(name)
        self.start(name)
        self._await(name, "service_healthy")
        return status

    def pid(self, name: str) -> int:
        """The process id of a running service."""
        return self._processes[name].pid

    def healthy(self, name: str) -> bool:
        """Tell whether the service's own health check succeeds."""
        _, *check = self.services[name]["healthcheck"]["test"]
        command = [self._program(check[0]), *(self._local(name, word) for word in check[1:])]
        if name in self.servers:
            command[1:1] = ["-p", str(self.servers[name].port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def down(self) -> None:
        """Stop everything."""
        for name in list(self._processes):
            self.stop(name)
        self._stack.close()

    def secret(self, name: str) -> str:
        """The text of a secret, with the addresses that are good here."""
        text = (self.directory / "secrets" / name).read_text(encoding="utf-8")
        for host, server in self.servers.items():
            text = re.sub(rf"@{host}:[0-9]+", f"@127.0.0.1:{server.port}", text)
        return text

    def query(self, statement: str, secret: str = "postgres-password") -> subprocess.CompletedProcess[str]:
        """Run one statement in the nodes' database as their role, with the text of a secret as password."""
        server = self.servers["postgres"]
        if not isinstance(server, _Postgres):
            raise TypeError("not PostgreSQL")
        return server.query(statement, self.secret(secret).strip())

    def _await(self, name: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            status = self._processes.pop(name).wait(SECONDS) if name in self._processes else 0
            if status:
                raise RuntimeError(f"{name} failed:\n{self._log(name).read_text(errors='replace')}")
            return
        deadline = time.monotonic() + SECONDS
        while not self.healthy(name):
            process = self._processes.get(name)
            if time.monotonic() > deadline or (process is not None and process.poll() is not None):
                raise RuntimeError(f"{name} is not healthy:\n{self._log(name).read_text(errors='replace')}")
            time.sleep(0.1)

    @contextmanager
    def _server(self, name: str) -> Iterator[Server]:
        """PostgreSQL or Valkey from its wheel, with what the file says of it."""
        with servers._directory(name) as directory:
            if name == "postgres":
                password = self.secret("postgres-password").strip()
                server: Server = _Postgres(directory, self.services[name]["environment"], password)
            else:
                self._hand_out(name, directory)
                command = [self._local(name, word, directory) for word in self.services[name]["command"]]
                server = _Valkey(directory, command)
            try:
                server.start()
                yield server
            finally:
                server.kill()

    def _command(self, name: str) -> list[str]:
        program, *arguments = self.services[name]["command"]
        command = [self._program(program), *(self._local(name, word) for word in arguments)]
        if name == "balancer":
            self._write_nginx_conf()
        return command

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        self._hand_out(name, self.directory)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AUTHSERVER_", "TILLIT_"))}
        told = {key: self._local(name, value) for key, value in given.items()}
        for key, ports in (("AUTHSERVER_PORT", self.ports), ("AUTHSERVER_MANAGEMENT_PORT", self._management)):
            if key in told:
                told[key] = str(ports[name])
        return {**inherited, "PYTHONPATH": f"{ROOT}:{ROOT}/clients/python/src", **told}

    def _hand_out(self, name: str, directory: Path) -> None:
        """Give a service its secrets, and no others."""
        folder = directory / f"{name}-secrets"
        folder.mkdir(exist_ok=True)
        for secret in self.services[name].get("secrets", ()):
            (folder / secret).write_text(self.secret(secret), encoding="utf-8")

    def _local(self, name: str, word: str, directory: Path | None = None) -> str:
        """What a word of a command or an environment is on this machine."""
        here = directory or self.directory
        changes = {
            "/run/secrets/": f"{here}/{name}-secrets/",
            "/var/lib/authserver/keys": f"{here}/keys",
            "/etc/nginx/nginx.conf": f"{here}/nginx.conf",
            "/srv/tillit": str(ROOT),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is what we keep from listening on
            "127.0.0.1:8080": f"127.0.0.1:{self.ports['balancer']}",
            "127.0.0.1:8081": f"127.0.0.1:{self._management.get(name)}",
            "127.0.0.1:8000": f"127.0.0.1:{self.ports['demo-api']}",
        }
        whole = {"/data": str(here), "8000": str(self.ports["demo-api"])}
        for there, local in changes.items():
            word = word.replace(there, local)
        return whole.get(word, word)

    def _program(self, name: str) -> str:
        """Where a program is found here."""
        if name == "python":
            return sys.executable
        wheels = [server._programs for server in self.servers.values() if isinstance(server, (_Postgres, _Valkey))]
        found = shutil.which(name, path=os.pathsep.join([*map(str, wheels), os.environ["PATH"]]))
        if found is None:
            raise RuntimeError(f"{name} is not installed")
        return found

    def _write_nginx_conf(self) -> None:
        text = (ROOT / "deploy/compose/nginx.conf").read_text(encoding="utf-8")
        for node in self._management:
            text = text.replace(f"{node}:8080 resolve", f"127.0.0.1:{self.ports[node]}")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.ports['balancer']}")
        (self.directory / "nginx.conf").write_text(text.replace("/tmp/", f"{self.directory}/"), encoding="utf-8")

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"
