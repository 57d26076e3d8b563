"""Real proxies with the configuration that `tillit.proxies` writes, in front of an API that tells what it was told."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.authority import free_ports
from tests.support.keys import KeyPair
from tillit.jose.public_keys import read_jwks
from tillit.proxies import Rules, apache, haproxy, nginx

ISSUER, AUDIENCE, SCOPES = "https://authority.example/", "https://api.example.no/", ("x:read", "x:write.all")
START_SECONDS = 15
DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def program(*names: str) -> str | None:
    """The path of the first of these programs that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *DIRECTORIES))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


class Answering(ThreadingHTTPServer):
    """Answers GET with what `answer` gives for a path and headers, on a port of loopback."""

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """What is answered; the API tells the headers that it got."""
        return 200, {}, json.dumps({"path": path, **headers}).encode()


class Documents(Answering):
    """Serves one JWK Set wherever it is asked."""

    def __init__(self, keys: list[KeyPair]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.document = json.dumps({"keys": [key.jwk for key in keys]}).encode()

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """The JWK Set."""
        del path, headers
        return 200, {"content-type": "application/json"}, self.document


class Sidecar(Answering):
    """Answers as `tillit sidecar` does when a proxy asks it to judge: by a table of credentials."""

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """204 with the parties for `good`, 403 for `narrow`, else 401."""
        told = path.startswith("/auth?scope=x%3Aread&scope=x%3Awrite.all&audience=https%3A%2F%2Fapi.example.no%2F")
        credential = headers.get("authorization", "")
        if credential == "Bearer good" and told:
            return 204, {"X-Client-Id": "client-1", "X-Consumer": "0192:991825827"}, b""
        if credential == "Bearer narrow":
            return 403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, b""
        return 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Answering)
        status, headers, body = self.server.answer(
            self.path, {name.lower(): text for name, text in self.headers.items()}
        )
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(server: Answering) -> Iterator[str]:
    """Serve, and yield `host:port`."""
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def api() -> Answering:
    """An API that is not on its guard."""
    return Answering(("127.0.0.1", 0), _Handler)


def sidecar() -> Sidecar:
    """A sidecar that knows three credentials."""
    return Sidecar(("127.0.0.1", 0), _Handler)


@contextlib.contextmanager
def proxy(kind: str, keys: list[KeyPair], directory: Path) -> Iterator[int]:
    """Run a proxy of this kind with the configuration written for it, and yield its port."""
    (port,) = free_ports(1)
    documents = Documents(keys)
    with serving(documents) as key_server, serving(api()) as upstream, serving(sidecar()) as asked:
        jwks_uri = f"http://{key_server}/jwk"
        rules = Rules(ISSUER, jwks_uri, AUDIENCE, SCOPES, upstream, f"127.0.0.1:{port}", asked)
        if kind == "haproxy":
            files, command = haproxy(rules, read_jwks(documents.document), str(directory)), _haproxy(directory)
        elif kind == "apache":
            files, command = apache(rules), _apache(directory, port)
        else:
            files, command = nginx(rules), _nginx(directory)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await(port, process, directory)
            yield port
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _haproxy(directory: Path) -> list[str]:
    return [program("haproxy") or "", "-db", "-f", str(directory / "haproxy.cfg")]


def _apache(directory: Path, port: int) -> list[str]:
    binary = program("apache2", "httpd") or ""
    modules = Path(os.environ.get("APACHE_MODULES", "/usr/lib/apache2/modules"))
    wanted = ("mpm_event", "authn_core", "authz_core", "authz_user", "oauth2", "proxy", "proxy_http")
    loaded = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in wanted]
    main = [
        f'ServerRoot "{directory}"',
        f"Listen 127.0.0.1:{port}",
        "ServerName localhost",
        f'PidFile "{directory}/pid"',
        f'DefaultRuntimeDir "{directory}"',
        f'ErrorLog "{directory}/log"',
        *loaded,
        f'Include "{directory}/tillit.conf"',
    ]
    (directory / "httpd.conf").write_text("\n".join(main) + "\n", encoding="utf-8")
    return [binary, "-X", "-f", str(directory / "httpd.conf")]


def _nginx(directory: Path) -> list[str]:
    temporary = " ".join(
        f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"pid {directory}/pid; events {{}} http {{ access_log off; {temporary} include {directory}/tillit.conf; }}"
    (directory / "nginx.conf").write_text(main, encoding="utf-8")
    return [program("nginx") or "", "-c", str(directory / "nginx.conf"), "-p", str(directory), "-g", "daemon off;"]


def _await(port: int, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"it did not start:\n{(directory / 'log').read_text(errors='replace')}")
