"""A small authority over real HTTP with real signatures, made from `cryptography` alone.

It shares no code with the library under test and no JOSE library with anybody.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import urllib.parse
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.tillit.by_hand import PrivateKey, compact, public_jwk, unb64


class ManualClock:
    """A clock that moves when told to; both faces together unless told otherwise."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self._monotonic = 1000.0
        self._wall = wall

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._monotonic += seconds
        self._wall += seconds

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass while the machine is suspended: only the wall clock knows."""
        self._wall += seconds


@dataclass
class Answer:
    """A scripted HTTP answer; a body of None hangs up."""

    status: int
    body: bytes | None = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, status: int, code: str, description: str = "", **headers: str) -> Answer:
        """An OAuth error."""
        body = json.dumps({"error": code, "error_description": description}).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body, {"Content-Type": "application/json", **names})


class StubAuthority:
    """Issues ES256 tokens to one client, refuses replays, and answers from its scripts first."""

    def __init__(self, client_key: PrivateKey, signing_key: ec.EllipticCurvePrivateKey, clock: ManualClock) -> None:
        self.client_key, self.signing_key, self.clock = client_key, signing_key, clock
        self.assertions: list[dict[str, Any]] = []
        self.jtis: set[str] = set()
        self.hits: dict[str, int] = {}
        self.scripts: dict[str, deque[Answer]] = {"/token": deque(), "/jwk": deque()}
        self.down: set[str] = set()
        self.unchanged = 0
        self.lifetime = 600
        self.jwks: list[dict[str, Any]] = [public_jwk(signing_key, "as-1", "ES256")]
        self._gate = threading.Event()
        self._gate.set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.issuer = self.url + "/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let requests for tokens and keys in, and answer none until the block ends."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    def respond(self, method: str, path: str, body: bytes) -> Answer:
        """The answer to one request."""
        with self._lock:
            self.hits[path] = self.hits.get(path, 0) + 1
            script = self.scripts.get(path)
            scripted = script.popleft() if script else None
        if method == "POST" and path == "/token":
            self._record(body)
        if path in self.scripts:
            self._gate.wait(10)
        if path in self.down:
            return Answer(503, b"down")
        if scripted is not None:
            return scripted
        if path == "/token":
            return self._issue()
        return self._document(path)

    def _document(self, path: str) -> Answer:
        documents: dict[str, Any] = {
            "/.well-known/oauth-authorization-server": {
                "issuer": self.issuer,
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwk",
            },
            "/jwk": {"keys": self.jwks},
        }
        if path not in documents:
            return Answer(404)
        body = json.dumps(documents[path]).encode()
        tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        return Answer(200, body, {"Content-Type": "application/json", "ETag": tag})

    def _record(self, body: bytes) -> None:
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        header, claims, signature = form["assertion"].split(".")
        decoded = {**json.loads(unb64(claims)), "header": json.loads(unb64(header))}
        self._verify(f"{header}.{claims}".encode(), unb64(signature))
        with self._lock:
            assert decoded["jti"] not in self.jtis, "an assertion was sent twice"
            self.jtis.add(decoded["jti"])
            self.assertions.append(decoded)

    def _verify(self, data: bytes, signature: bytes) -> None:
        public = self.client_key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, Ed25519PublicKey):
            public.verify(signature, data)
        else:
            pytest.fail("the stub's client has an RSA or Ed25519 key")

    def _issue(self) -> Answer:
        asked = self.assertions[-1]
        token = self.mint(scope=asked["scope"], exp=int(self.clock.time()) + self.lifetime)
        members = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": asked["scope"],
        }
        return Answer(200, json.dumps(members).encode(), {"Content-Type": "application/json"})

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good `at+jwt` token, changed; a value of None removes the claim."""
        now = int(self.clock.time())
        organisation = {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}
        good = {
            "iss": self.issuer,
            "sub": "client-1",
            "client_id": "client-1",
            "aud": "https://api.example.no/",
            "scope": "x:read",
            "consumer": organisation,
            "client_amr": "private_key_jwt",
            "iat": now,
            "exp": now + 600,
            "jti": uuid.uuid4().hex,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def mint(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token signed with the authority's own key."""
        head = {"alg": "ES256", "kid": "as-1", "typ": "at+jwt", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return compact(self.signing_key, "ES256", head, self.claims(**changes))


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        # Clients under test hang up on purpose; anything else is a fault of the stub and should be seen.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _handler_for(authority: StubAuthority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(authority.respond("GET", self.path, b""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._answer(authority.respond("POST", self.path, body))

        def _answer(self, answer: Answer) -> None:
            if answer.body is None:
                self.close_connection = True
                return
            tag = self.headers.get("If-None-Match")
            unchanged = tag is not None and answer.headers.get("ETag") == tag
            authority.unchanged += unchanged
            self.send_response(304 if unchanged else answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if unchanged else str(len(answer.body)))
            self.end_headers()
            if not unchanged:
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            return

    return Handler
