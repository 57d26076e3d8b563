"""The peers: each started with the algorithms of a case, one process on one core."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.assertions import Order, make_key
from tests.bench.plan import AUTHLIB, Case, cores, server_cores
from tests.bench.processes import running
from tests.bench.subject import NotRunError, Store, Subject
from tests.support.servers import free_port

HERE = Path(__file__).parent / "peers"
CLIENT_ID = "bench"

_GRANT = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=bench%3Aread&assertion="
_CLIENT_AUTHENTICATION = (
    "grant_type=client_credentials&scope=bench%3Aread"
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
)


@contextmanager
def serving(store: Store, directory: Path, case: Case) -> Iterator[Subject]:
    """Serve the case with the peer that it names. Raises NotRunError."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    client, server = make_key(case.assertion_alg, "client"), make_key(case.token_alg, "server")
    settings = {
        "port": port,
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_alg": case.assertion_alg,
        "client_jwk": client.public,
        "token_alg": case.token_alg,
        "token_jwk": server.private,
        "redis_url": store.environ.get("REDIS_URL"),
    }
    command, form = _authlib() if case.server == AUTHLIB else _oidc_provider()
    environ = os.environ | {"BENCH_SETTINGS": json.dumps(settings), "NODE_ENV": "production"}
    with running(command, environ, port, directory / "peer.log", server_cores(case, cores())) as pid:
        # Client authentication names its subject (RFC 7523 §3(2)); in a grant Authlib would look for a user so named.
        claims = {} if case.server == AUTHLIB else {"sub": CLIENT_ID}
        yield Subject(Order(client, CLIENT_ID, issuer, claims, form, port), port, pid, store)


def _authlib() -> tuple[Sequence[str], str]:
    return [sys.executable, str(HERE / "authlib_server.py")], _GRANT


def _oidc_provider() -> tuple[Sequence[str], str]:
    node = shutil.which("node")
    if node is None:
        raise NotRunError("node is absent")
    if not (HERE / "node_modules").exists():
        _install()
    return [node, str(HERE / "oidc-provider.mjs")], _CLIENT_AUTHENTICATION


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotRunError("npm is absent")
    done = subprocess.run(
        [npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotRunError("npm ci could not install the peers")
