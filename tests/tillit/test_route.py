"""Certificates and proxies by settings, against a real server; and settings that are switched off."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from tests.support.keys import make_key
from tests.tillit.conftest import Keys
from tillit import AsyncTokenClient, ClientConfig, ConfigError, RetryPolicy, TokenClient, Unavailable
from tillit.cli import app
from tillit.route import Route
from tillit.transport import Transport, Unreachable

Ask = Callable[[ClientConfig], str]
ONCE = RetryPolicy(attempts=1)


class Server(ThreadingHTTPServer):
    """Gives a token to whoever asks, and remembers for which address, and with what authorization for a proxy."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.port = self.server_address[1]
        self.jwk = make_key("ES256", "k").jwk


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Proxy-Authorization"]))
        body = json.dumps({"keys": [self.server.jwk]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Proxy-Authorization"]))
        body = json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 600, "scope": "a:b"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def bundle(keys: Keys, server: Server, tmp_path: Path) -> Path:
    """The server speaks TLS, and this is the certificate it vouches for itself with."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, keys.p256.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(keys.p256, hashes.SHA256())
    )
    path, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    path.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_text(keys.pem(keys.p256))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return path


@pytest.fixture
def environ(keys: Keys) -> dict[str, str]:
    return {"TILLIT_CLIENT_ID": "c", "TILLIT_PRIVATE_KEY": keys.pem(keys.ed25519), "TILLIT_SCOPES": "a:b"}


def addressed(environ: dict[str, str], address: str, **more: str) -> ClientConfig:
    """The settings for an authority at `address`."""
    where = {"TILLIT_ISSUER": f"{address}/", "TILLIT_TOKEN_ENDPOINT": f"{address}/token", "TILLIT_ALLOW_HTTP": "true"}
    return ClientConfig.from_env(environ=environ | where | {f"TILLIT_{name}": value for name, value in more.items()})


def ask(config: ClientConfig) -> str:
    return TokenClient(config, retry=ONCE).get().value


def ask_async(config: ClientConfig) -> str:
    return asyncio.run(AsyncTokenClient(config, retry=ONCE).get()).value


@pytest.mark.parametrize("ask", [ask, ask_async])
def test_ca_bundle_is_what_is_trusted(ask: Ask, environ: dict[str, str], server: Server, bundle: Path) -> None:
    """A server with a certificate from the bundle is believed, and without the bundle it is sent nothing."""
    address = f"https://127.0.0.1:{server.port}"

    assert ask(addressed(environ, address, CA_BUNDLE=str(bundle))) == "t"

    with pytest.raises(Unavailable):
        ask(addressed(environ, address))
    assert len(server.asked) == 1


def test_who_dribbles_in_a_tunnel_is_given_no_more_time(bundle: Path) -> None:
    """Behind a proxy too, where TLS begins late, an answer of which some comes all the time ends with its time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, bundle.with_name("key.pem"))
    sent: list[int] = []

    def serve() -> None:
        with listener.accept()[0] as plain:
            plain.recv(4096)
            plain.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(4096)
                    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
                        connection.sendall(bytes([byte]))
                        sent.append(byte)
                        time.sleep(0.02)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        route = Route(ca_bundle=str(bundle), proxy=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Unreachable):
            Transport(route=route).send("GET", "https://127.0.0.1/", within=0.4, max_bytes=1024)
        thread.join()
    assert len(sent) < 200


@pytest.mark.parametrize("ask", [ask, ask_async])
def test_proxy_is_asked_in_place_of_the_authority(ask: Ask, environ: dict[str, str], server: Server) -> None:
    """An authority that only the proxy can find is reached through it, with the proxy's password."""
    config = addressed(environ, "http://authority.invalid", PROXY=f"http://me:s3cret@127.0.0.1:{server.port}")

    assert ask(config) == "t"
    assert server.asked == [("http://authority.invalid/token", "Basic bWU6czNjcmV0")]
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(config.route)


@pytest.mark.parametrize("ask", [ask, ask_async])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_for_this_machine_is_not_handed_to_the_environments_proxy(
    ask: Ask, host: str, environ: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority on loopback is asked itself; one elsewhere through the proxy that the environment names."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert ask(addressed(environ, f"http://{host}:{server.port}")) == "t"
    assert ask(addressed(environ, "http://authority.invalid")) == "t"
    assert [path for path, _ in server.asked] == ["/token", "http://authority.invalid/token"]


def test_proxy_that_speaks_tls_is_verified_by_the_bundle(environ: dict[str, str], server: Server, bundle: Path) -> None:
    """The bundle holds for the proxy too, and without it the proxy is sent nothing."""
    proxy = f"https://127.0.0.1:{server.port}"
    assert ask(addressed(environ, "http://authority.invalid", PROXY=proxy, CA_BUNDLE=str(bundle))) == "t"

    with pytest.raises(Unavailable):
        ask(addressed(environ, "http://authority.invalid", PROXY=proxy))
    assert len(server.asked) == 1


def test_the_gym_reaches_the_authority_as_the_client_does(
    environ: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys come through the proxy too, and the API that is tried is reached without it."""
    settings = {
        "ISSUER": "http://authority.invalid/",
        "TOKEN_ENDPOINT": "http://authority.invalid/token",
        "JWKS_URI": "http://authority.invalid/jwk",
        "ALLOW_HTTP": "true",
        "PROXY": f"http://127.0.0.1:{server.port}",
    }
    for name, value in {**environ, **{f"TILLIT_{name}": value for name, value in settings.items()}}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["gym", f"http://127.0.0.1:{server.port}/api"])
    asked = [path for path, _ in server.asked]
    assert asked[:2] == ["http://authority.invalid/token", "http://authority.invalid/jwk"], done.output
    assert asked[2] == "/api"


def gym(address: str, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], server: str, **more: str) -> Any:
    """Run `tillit gym` against `address` with an authority at `server`."""
    settings = {"ISSUER": f"{server}/", "TOKEN_ENDPOINT": f"{server}/token", "JWKS_URI": f"{server}/jwk", **more}
    for name, value in {**environ, **{f"TILLIT_{name}": value for name, value in settings.items()}}.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["gym", address, "--i-own-this-endpoint"])


def test_the_gym_hands_no_token_to_the_environments_proxy(
    environ: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API on this machine is reached itself: a proxy would be handed a token that is good."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    here = f"http://127.0.0.1:{server.port}"
    gym(f"{here}/api", monkeypatch, environ, here)
    assert [path for path, _ in server.asked] == ["/token", "/jwk", "/api"]


def test_the_gym_sends_nothing_in_clear(
    environ: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To whomever an API elsewhere belongs, it is reached by https or not at all."""
    done = gym("http://api.example.no/x", monkeypatch, environ, f"http://127.0.0.1:{server.port}")
    assert (done.exit_code == 0, server.asked) == (False, [])
    assert "https" in done.output


def test_the_gym_believes_an_api_that_the_bundle_vouches_for(
    environ: dict[str, str], server: Server, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is trusted for the authority is trusted for the API."""
    here = f"https://127.0.0.1:{server.port}"
    gym(f"{here}/api", monkeypatch, environ, here, CA_BUNDLE=str(bundle))
    assert [path for path, _ in server.asked] == ["/token", "/jwk", "/api"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CA_BUNDLE", "/nowhere/s3cret.pem"),
        ("CA_BUNDLE", __file__),
        ("PROXY", "socks5://me:s3cret@127.0.0.1:1080"),
        ("PROXY", "127.0.0.1:s3cret"),
        ("PROXY", "http://"),
        ("ENABLED", "perhaps-s3cret"),
        ("DPOP", "perhaps-s3cret"),
        ("ALLOW_HTTP", "perhaps-s3cret"),
    ],
)
def test_settings_that_cannot_work_are_refused(environ: dict[str, str], name: str, value: str) -> None:
    """What is no bundle, no proxy or no boolean is said at once, and its value is not shown."""
    with pytest.raises(ConfigError, match=r"TILLIT_") as caught:
        addressed(environ, "https://authority.invalid", **{name: value})
    assert "s3cret" not in str(caught.value)


def test_dpop_by_a_setting(environ: dict[str, str]) -> None:
    """Tokens are bound to a key that is made for the process, if the settings say so."""
    assert addressed(environ, "https://authority.invalid", DPOP="true").dpop_key is not None
    for value in ("false", ""):
        assert addressed(environ, "https://authority.invalid", DPOP=value).dpop_key is None


def test_disabled_settings_make_no_client(environ: dict[str, str]) -> None:
    """ENABLED at false is the one thing said, whatever else is set or missing; true is like nothing."""
    for value in ("false", "False", "0", "no"):
        with pytest.raises(ConfigError, match="TILLIT_ENABLED"):
            addressed(environ, "https://authority.invalid", ENABLED=value)
    with pytest.raises(ConfigError, match=r"^MASKINPORTEN_ENABLED is false[^;]*$"):
        ClientConfig.from_env(environ={"MASKINPORTEN_ENABLED": "false"})

    assert addressed(environ, "https://authority.invalid", ENABLED="true").client_id == "c"
