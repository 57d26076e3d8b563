"""Our server: set up once for each store by its public command line, served once for each case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.assertions import Key, Order, make_key
from tests.bench.plan import ROOT, Case, cores, server_cores
from tests.bench.processes import running
from tests.bench.subject import Store, Subject
from tests.support.servers import free_port

ISSUER = "http://authority.bench.test/"
SCOPE = "bench:read"
OWNER, CONSUMER, SUPPLIER = "910000004", "910000012", "910000020"
GRANT = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="

_PROGRAM = [sys.executable, "-m", "authserver"]


@dataclass(frozen=True, slots=True)
class Authority:
    """One initialised authority with a client for each profile and algorithm."""

    directory: Path
    store: Store
    keys: dict[str, Key]

    def run(self, *verb: str) -> Any:
        """Run a verb of the command line and return the document it prints. Raises RuntimeError with its refusal."""
        command = [*_PROGRAM, *verb, "--json"]
        done = subprocess.run(command, env=self.environ(), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"authserver {' '.join(verb)}: {(done.stderr or done.stdout).strip()[-500:]}")
        return json.loads(done.stdout)

    def environ(self, **settings: str) -> dict[str, str]:
        """The environment of the server: ours alone, whatever this shell has set."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVER_")}
        own = {"ISSUER": ISSUER, "ENVIRONMENT": "test", "KEYS_DIR": str(self.directory / "keys")}
        given = own | self.store.environ | settings
        return inherited | {f"AUTHSERVER_{name}": value for name, value in given.items()}

    @contextmanager
    def serving(self, case: Case) -> Iterator[Subject]:
        """Serve the case on its cores."""
        port = free_port()
        environ = self.environ(PORT=str(port), MANAGEMENT_PORT="0", WORKERS=str(case.workers))
        log = self.directory / "serve.log"
        with running([*_PROGRAM, "serve"], environ, port, log, server_cores(case, cores())) as pid:
            yield Subject(self._order(case, port), port, pid, self.store)

    def _order(self, case: Case, port: int) -> Order:
        claims = {"scope": SCOPE} | ({"consumer_org": CONSUMER} if case.delegated else {})
        client_id = client_of(case.profile, case.assertion_alg)
        return Order(self.keys[case.assertion_alg], client_id, ISSUER, claims, GRANT, port)


def client_of(profile: str, alg: str) -> str:
    """The id of the client that uses this profile and algorithm."""
    return f"bench-{profile}-{alg}".lower()


def set_up(directory: Path, store: Store, cases: Sequence[Case]) -> Authority:
    """Make an authority from nothing: an owner's scope, and a supplier with a client for each profile of the cases.

    The supplier has access of its own, and for delegated cases a delegation from a consumer, so that one registry
    serves both kinds. Raises RuntimeError.
    """
    authority = Authority(directory, store, {alg: make_key(alg, f"key-{alg}") for alg in ("RS256", "ES256")})
    authority.run("init")
    authority.run("org", "add", OWNER, "Scope owner")
    authority.run("prefix", "add", "bench", OWNER)
    authority.run("scope", "add", SCOPE, "--description", "Read what the bench asks for.", "--delegable")
    _add_party(authority, SUPPLIER, "Supplier")
    for profile, alg in sorted({(case.profile, case.assertion_alg) for case in cases}):
        jwk = directory / f"{alg}.jwk.json"
        jwk.write_text(json.dumps(authority.keys[alg].public))
        client = ("--client-id", client_of(profile, alg), "--jwk", str(jwk), "--profile", profile)
        authority.run("client", "add", "--org", SUPPLIER, "--scope", SCOPE, *client)
    if any(case.delegated for case in cases):
        _add_party(authority, CONSUMER, "Consumer")
        authority.run("delegation", "add", "--consumer", CONSUMER, "--supplier", SUPPLIER, "--scope", SCOPE)
    return authority


def _add_party(authority: Authority, orgno: str, name: str) -> None:
    authority.run("org", "add", orgno, name)
    authority.run("access", "grant", SCOPE, orgno)
