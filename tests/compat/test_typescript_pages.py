"""The TypeScript of the pages does what they say: each block is checked, compiled and run against an authority."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.authority import free_ports
from tests.support.loopback import Answered, Asked, serving
from tests.support.typescript import FOLDER, build, compile_project, node
from tillit import DpopVerifier, JwksSource, Policy, Presented, TokenValidator
from tillit.core.dpop_proof import read_proof
from tillit.testing import Authority, RegisteredClient

ROOT = Path(__file__).parents[2]
PAGES = {"readme": FOLDER / "README.md", "guide": ROOT / "docs/how-to/use-typescript.md"}
BLOCK = re.compile(r"^```ts\n(.*?)^```", re.MULTILINE | re.DOTALL)
API = "https://api.example.no/"
SECONDS = 120

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


class Api:
    """What the blocks call in place of the pages' API; it keeps the requests that came."""

    def __init__(self) -> None:
        self.seen: list[Asked] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answered:
        """200."""
        self.seen.append(asked)
        return Answered()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One that runs."""
    found = Api()
    with serving(found.answer) as found.url:
        yield found


@pytest.fixture(scope="module")
def client() -> Iterator[RegisteredClient]:
    """A client at an authority that listens."""
    authority = Authority()
    scope = authority.add_scope("x:read", audience=API)
    with authority.serve():
        yield authority.add_client(scope, org="991825827")


@pytest.fixture(scope="module")
def binding(client: RegisteredClient) -> Iterator[dict[str, str]]:
    """The settings of a client whose tokens are bound: to the keys of the proofs that come to a token endpoint."""
    assert isinstance(client.authority, Authority)
    factory = client.authority.token_factory(API)

    def answer(asked: Asked) -> Answered:
        proof = read_proof(asked.headers["dpop"], ["ES256"])
        token = factory("x:read", cnf={"jkt": proof.thumbprint})
        return Answered(body=json.dumps({"access_token": token, "token_type": "DPoP", "expires_in": 60}).encode())

    with serving(answer) as url:
        yield {**client.environ(), "TILLIT_TOKEN_ENDPOINT": f"{url}token", "TILLIT_DPOP": "true"}


@pytest.fixture(scope="module")
def port() -> int:
    """Where the guide's server listens here."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the programs are: below the client, whose package they import, and in no other test process's way."""
    (FOLDER / "dist").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pages-", dir=FOLDER / "dist") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def pages(client: RegisteredClient, api: Api, port: int, folder: Path) -> dict[str, list[Path]]:
    """The blocks of each page as programs, with the addresses of this machine."""
    here = {
        f"{API}things": f"{api.url}things",
        "http://localhost:8080/": client.authority.issuer,
        "https://authority.example.no/": client.authority.issuer,
        "listen(3000)": f"listen({port})",
    }
    found: dict[str, list[Path]] = {}
    for name, page in PAGES.items():
        for number, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            block = text
            for there, local in here.items():
                block = block.replace(there, local)
            (folder / f"{name}{number}.ts").write_text(block, encoding="utf-8")
            found.setdefault(name, []).append(folder / f"{name}{number}.js")
    options = {"rootDir": ".", "outDir": ".", "noUnusedLocals": False, "noUnusedParameters": False}
    settings = {"extends": "../../tsconfig.json", "include": ["*.ts"], "exclude": [], "compilerOptions": options}
    (folder / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    build()
    compile_project(str(folder))
    return found


def test_every_block_is_run_here(pages: dict[str, list[Path]]) -> None:
    """Each page has the blocks that the tests below run, and there is TypeScript on no other page."""
    assert {name: len(blocks) for name, blocks in pages.items()} == {"readme": 2, "guide": 4}
    written = {page for page in (*ROOT.glob("docs/**/*.md"), ROOT / "README.md") if "```ts" in page.read_text("utf-8")}
    assert written == {PAGES["guide"]}


@pytest.mark.parametrize("page", PAGES)
def test_an_api_is_called_with_a_token(
    pages: dict[str, list[Path]], client: RegisteredClient, api: Api, page: str
) -> None:
    """The settings of the page are all that the first block needs to call an API with a good token."""
    before = len(api.seen)
    node(str(pages[page][0]), environ=client.environ())
    (asked,) = api.seen[before:]
    token = client.authority.validator(API).validate(asked.headers["authorization"].removeprefix("Bearer "))
    assert token.consumer.number == client.org


def test_a_refusal_is_told(pages: dict[str, list[Path]], client: RegisteredClient) -> None:
    """The guide's block says why there is no token, and what to do."""
    assert isinstance(client.authority, Authority)
    client.authority.revoke("x:read", client.org)
    try:
        done = node(str(pages["guide"][0]), environ=client.environ())
    finally:
        client.authority.grant("x:read", client.org)
    assert "MP-" in done.stderr


def test_a_handler_lets_the_right_ones_in(pages: dict[str, list[Path]], client: RegisteredClient) -> None:
    """The README's handler answers a request with a token, and refuses one without."""
    (block,) = pages["readme"][1:]
    call = (
        f"for (const headers of [{{ Authorization: process.env.AUTHORIZATION }}, {{}}]) {{\n  const answer = "
        f'await handler(new Request("{API}", {{ headers }}));\n  console.log(answer.status, await answer.text());\n}}\n'
    )
    block.write_text(block.read_text(encoding="utf-8") + call, encoding="utf-8")
    bearer = client.token_client().get("x:read").authorization
    good, bad = node(str(block), environ={"AUTHORIZATION": bearer}).stdout.splitlines()
    assert good == f'200 {{"consumer":"{client.org}"}}'
    assert bad.startswith("401 ")


def test_a_server_lets_the_right_ones_in(pages: dict[str, list[Path]], client: RegisteredClient, port: int) -> None:
    """The guide's server greets who comes with a token, and challenges who does not."""
    bearer = client.token_client().get("x:read").authorization
    with subprocess.Popen(["node", str(pages["guide"][1])], cwd=FOLDER) as server:
        try:
            _await(port, server)
            good = httpx2.get(f"http://127.0.0.1:{port}/", headers={"Authorization": bearer})
            assert (good.status_code, good.text) == (200, f"Hello, {client.org}")
            bad = httpx2.get(f"http://127.0.0.1:{port}/")
            assert (bad.status_code, bad.headers["www-authenticate"]) == (401, "Bearer")
        finally:
            server.terminate()


def test_a_bound_token_comes_with_its_proof(
    pages: dict[str, list[Path]], client: RegisteredClient, api: Api, binding: dict[str, str]
) -> None:
    """The guide's block shows the API a token of its own key, and a proof that our verifier takes."""
    before = len(api.seen)
    node(str(pages["guide"][2]), environ=binding)
    (asked,) = api.seen[before:]
    issuer = client.authority.issuer
    validator = TokenValidator(Policy(issuer, API), JwksSource.for_issuer(issuer), dpop=DpopVerifier(api.url))
    proofs = [asked.headers["dpop"]]
    shown = Presented.read([asked.headers["authorization"]], method="GET", url=asked.path, dpop=proofs)
    assert validator.validate_request(shown).scopes == {"x:read"}


def test_a_handler_takes_bound_tokens(pages: dict[str, list[Path]], binding: dict[str, str]) -> None:
    """The guide's handler gives a nonce, and answers who comes with a bound token and a proof that holds it."""
    block = pages["guide"][3]
    call = (
        'const { dpopFetch, TokenClient } = await import("@tillit/client");\n'
        'const call = dpopFetch(TokenClient.fromEnv(), "x:read", handler);\n'
        f'const answer = await call("{API}");\nconsole.log(answer.status, await answer.text());\n'
        f'console.log((await handler(new Request("{API}"))).headers.get("www-authenticate"));\n'
    )
    block.write_text(block.read_text(encoding="utf-8") + call, encoding="utf-8")
    good, challenge = node(str(block), environ=binding).stdout.splitlines()
    assert good.startswith('200 {"consumer":')
    assert challenge == 'Bearer, DPoP algs="ES256 ES384 Ed25519 PS256 RS256"'


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")
