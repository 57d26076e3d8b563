"""DPoP against node-oidc-provider, which shares nothing with this library: its proofs, nonces and bound tokens."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.servers import free_port
from tests.support.typescript import build, node
from tests.tillit.by_hand import number, public_jwk
from tests.tillit.conftest import Keys
from tillit import (
    AccessError,
    AsyncTokenClient,
    Authority,
    ClientConfig,
    DpopAuth,
    DpopKey,
    DpopNonces,
    DpopVerifier,
    JwksSource,
    Policy,
    Presented,
    TokenClient,
    TokenValidator,
    signers,
)

PEERS = Path(__file__).parents[1] / "bench" / "peers"
AUDIENCE, SCOPE = "https://api.example.no/", "people:read"
START_SECONDS = 20

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed"),
    pytest.mark.skipif(not (PEERS / "node_modules").exists(), reason="the peers of the benches are not installed"),
]


@dataclass(frozen=True)
class Peer:
    """A running oidc-provider."""

    issuer: str
    keys: Keys

    def config(self, dpop: DpopKey | bool) -> ClientConfig:
        authority = Authority(self.issuer, f"{self.issuer}/token", f"{self.issuer}/jwks")
        signer = signers.from_pem(self.keys.pem(self.keys.ed25519), kid="k1")
        return ClientConfig(authority, "client-1", signer, (SCOPE,), dpop=dpop)


@pytest.fixture(scope="module")
def peer(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    settings = {
        "port": port,
        "issuer": issuer,
        "client_id": "client-1",
        "client_jwk": public_jwk(keys.ed25519, "k1", "Ed25519"),
        "token_jwk": private_jwk(keys.p256),
        "audience": AUDIENCE,
        "scope": SCOPE,
        "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
    }
    environ = os.environ | {"DPOP_SETTINGS": json.dumps(settings), "NODE_ENV": "production"}
    log = tmp_path_factory.mktemp("peer") / "peer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", str(PEERS / "dpop-provider.mjs")], env=environ, stdout=output, stderr=output, cwd=PEERS
        )
    try:
        wait_for(f"{issuer}/jwks", process, log)
        yield Peer(issuer, keys)
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    stop = time.monotonic() + START_SECONDS
    while time.monotonic() < stop and process.poll() is None:
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    pytest.fail("the peer did not start: " + log.read_text(errors="replace")[-2000:])


def private_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    return public_jwk(key, "as-1", "ES256") | {"d": number(key.private_numbers().private_value, 32)}


@dataclass
class Api:
    """An API that takes DPoP tokens with its own nonces only."""

    url: str
    answers: list[int]


@pytest.fixture
def api(peer: Peer) -> Iterator[Api]:
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            lines = self.headers.get_all("Authorization", []), self.headers.get_all("DPoP", [])
            status, headers = judge(validator, *lines, self.path)
            answers.append(status)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_address[1]}"
    verifier = DpopVerifier(base, nonces=DpopNonces(os.urandom(32)), required=True)
    source = JwksSource(f"{peer.issuer}/jwks")
    validator = TokenValidator(Policy(peer.issuer, AUDIENCE), source, dpop=verifier)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Api(f"{base}/v1/people?name=Kari%20Nordmann", answers)
    server.shutdown()
    thread.join()
    server.server_close()


def judge(
    validator: TokenValidator, authorization: list[str], dpop: list[str], path: str
) -> tuple[int, dict[str, str]]:
    try:
        validator.validate_request(Presented.read(authorization, method="POST", url=path, dpop=dpop))
    except AccessError as error:
        challenge = validator.challenge(error)
        return challenge.status, dict(challenge.headers)
    return 200, {}


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256", "PS256"])
def test_peer_binds_a_token_to_our_key(peer: Peer, keys: Keys, alg: str) -> None:
    """The provider asks for a nonce, gets it, and binds the token to the thumbprint that we say the key has."""
    key = DpopKey.generate(alg) if alg in ("ES256", "Ed25519") else DpopKey.from_pem(keys.pem(keys.rsa2048), alg)
    with TokenClient(peer.config(key)) as client:
        token = client.get()
    validator = TokenValidator(Policy(peer.issuer, AUDIENCE), JwksSource(f"{peer.issuer}/jwks"))
    source = DpopVerifier("https://api.example.no")
    bound = TokenValidator(Policy(peer.issuer, AUDIENCE), JwksSource(f"{peer.issuer}/jwks"), dpop=source)
    proof = key.proof("GET", AUDIENCE, now=int(time.time()), token=token.value)
    found = bound.validate_request(Presented("DPoP", token.value, "GET", "/", (proof,)))

    assert token.token_type == "DPoP"
    assert found.confirmation is not None
    assert found.confirmation.jkt == key.thumbprint
    with pytest.raises(AccessError):
        validator.validate(token.value)


def test_api_is_called_with_proofs_and_nonces(peer: Peer, api: Api) -> None:
    """The first request is asked for a nonce and sent again with it; those after it are right at once."""
    with TokenClient(peer.config(dpop=True)) as client, httpx2.Client(auth=DpopAuth(client)) as http:
        for _ in range(3):
            assert http.post(api.url, json={"n": 1}).status_code == 200
    assert api.answers == [401, 200, 200, 200]


def test_api_is_called_from_an_event_loop(peer: Peer, api: Api) -> None:
    """Twenty tasks that begin without a nonce all end well, and none asks more than twice."""

    async def main() -> list[int]:
        async with (
            AsyncTokenClient(peer.config(dpop=True)) as client,
            httpx2.AsyncClient(auth=DpopAuth(client)) as http,
        ):
            return [answer.status_code for answer in await asyncio.gather(*(http.post(api.url) for _ in range(20)))]

    assert asyncio.run(main()) == [200] * 20
    assert len(api.answers) <= 40


def test_api_is_called_from_typescript(peer: Peer, api: Api) -> None:
    """The client in TypeScript gets a token of the provider bound, and both libraries' verifiers take its proofs."""
    build()
    environ = {
        "TILLIT_CLIENT_ID": "client-1",
        "TILLIT_PRIVATE_KEY": peer.keys.pem(peer.keys.ed25519),
        "TILLIT_KID": "k1",
        "TILLIT_ISSUER": peer.issuer,
        "TILLIT_TOKEN_ENDPOINT": f"{peer.issuer}/token",
        "TILLIT_SCOPES": SCOPE,
        "TILLIT_DPOP": "true",
    }
    task = {"url": api.url, "issuer": peer.issuer, "jwks": f"{peer.issuer}/jwks", "audience": AUDIENCE}
    result = json.loads(node("test/peer.mjs", told=json.dumps(task), environ=environ).stdout)
    assert result == {"statuses": [200, 200, 200], "bound": True}
    assert api.answers == [401, 200, 200, 200]


def test_stolen_token_is_worth_nothing(peer: Peer, api: Api) -> None:
    """Without the key neither the token as bearer, nor with a thief's proofs, nor with a proof seen before is taken."""
    thief = DpopKey.generate()
    with TokenClient(peer.config(dpop=True)) as client:
        token = client.get()
        assert client.prover is not None
        headers = client.prover.headers("POST", api.url, token)
    proof = thief.proof("POST", api.url, now=int(time.time()), token=token.value)
    answers = [
        httpx2.post(api.url, headers={"Authorization": f"Bearer {token.value}"}),
        httpx2.post(api.url, headers={"Authorization": token.authorization, "DPoP": proof}),
        httpx2.post(api.url, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]
    assert all("algs=" in answer.headers["www-authenticate"] for answer in answers)
