"""A real authority for tests: a process of its own, driven by its command line alone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from tillit.clock import Clock, SystemClock
from tillit.core.authority import Authority as Endpoints
from tillit.errors import ConfigError
from tillit.testing.interface import Audience, RegisteredClient, iso8601, make_validator, seconds_ahead
from tillit.testing.keys import KeyPair, make_key
from tillit.testing.registry import Profile, organisation_numbers
from tillit.testing.transports import free_ports
from tillit.validator import TokenValidator

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0


def installed() -> str | None:
    """Where the command `authserver` is: beside this Python, or on the path; None if it is not."""
    beside = Path(sys.executable).parent / "authserver"
    return str(beside) if beside.is_file() else shutil.which("authserver")


class RealAuthority:
    """An `authserver` on loopback, with an SQLite registry below `directory`, for the length of a `with` block.

    What is registered is registered by `authserver` verbs, one to three seconds each, so a test pays for what it needs.
    It has the system's clock and no troubles to order. Raises ConfigError where the command is missing or does not
    start.
    """

    real: Final = True

    def __init__(self, directory: Path, *, profile: Profile = "standard") -> None:
        command = installed()
        if command is None:
            raise ConfigError(
                "a real authority needs the command authserver: install the distribution tillit-authserver"
            )
        port, management = free_ports()
        self.issuer = f"http://127.0.0.1:{port}/"
        self.profile: Profile = profile
        self.clock: Clock = SystemClock()
        self._command = command
        self._directory = directory
        self._ready = f"http://127.0.0.1:{management}/readyz"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVER_")},
            "AUTHSERVER_ISSUER": self.issuer,
            "AUTHSERVER_PORT": str(port),
            "AUTHSERVER_MANAGEMENT_PORT": str(management),
            "AUTHSERVER_PROFILE": profile,
            "AUTHSERVER_DATABASE_URL": f"sqlite+aiosqlite:///{directory}/authority.db",
            "AUTHSERVER_KEYS_DIR": str(directory / "keys"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = organisation_numbers()
        self._organisations: set[str] = set()
        self._prefixes: dict[str, str] = {}
        self._scopes: set[str] = set()

    def __enter__(self) -> Self:
        self._run("init")
        with (self._directory / "authserver.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command that was found, with words of ours
                [self._command, "serve"], stdout=log, stderr=log, cwd=self._directory, env=self._environment
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise ConfigError(f"authserver did not start; its log is {self._directory / 'authserver.log'}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def add_organisation(self, number: str | None = None, name: str = "An organisation") -> str:
        """Register an organisation, under a new number if none is given; return the number."""
        wanted = number or self._new_number()
        if wanted not in self._organisations:
            self._run("org", "add", wanted, name)
            self._organisations.add(wanted)
        return wanted

    def add_scope(
        self,
        name: str,
        *,
        owner: str | None = None,
        audience: str | None = None,
        delegable: bool = False,
        for_all: bool = False,
        max_age: int = 0,
        token_profile: Profile | None = None,
    ) -> str:
        """Define a scope `prefix:subscope` and return its name. `max_age` is in seconds, 0 the profile's life."""
        holder = self._prefixes.setdefault(name.partition(":")[0], owner or self._new_number())
        record = {
            "name": name,
            "owner_orgno": holder,
            "audience": audience,
            "delegation_source": self.issuer if delegable else None,
            "accessible_for_all": for_all,
            "at_max_age": max_age,
            "token_profile": token_profile,
        }
        # One verb for the scope, its prefix and its owner.
        self._run("scope", "import", self._file([record]))
        self._organisations.add(holder)
        self._scopes.add(name)
        return name

    def add_client(
        self,
        *scopes: str,
        org: str | None = None,
        client_id: str | None = None,
        key: KeyPair | None = None,
        alg: str | None = None,
        profile: Profile | None = None,
        granted: bool = True,
    ) -> RegisteredClient:
        """Register a client with `scopes` and one key; `granted` gives its organisation access to them too."""
        pair = key or make_key(alg or ("RS256" if (profile or self.profile) == "maskinporten" else "ES256"))
        number = self.add_organisation(org)
        for scope in scopes:
            if scope not in self._scopes:
                self.add_scope(scope)
            if granted:
                self.grant(scope, number)
        made = client_id or f"client-{secrets.token_hex(4)}"
        named = [word for scope in scopes for word in ("--scope", scope)]
        chosen = ["--profile", profile] if profile else []
        jwk = self._file(pair.jwk)
        self._run("client", "add", "--org", number, *named, "--client-id", made, "--jwk", jwk, *chosen)
        return RegisteredClient(made, number, scopes, pair, self)

    def grant(self, scope: str, org: str) -> None:
        """Give an organisation access to a scope."""
        self._run("access", "grant", scope, self.add_organisation(org))

    def revoke(self, scope: str, org: str) -> None:
        """Take that access back."""
        self._run("access", "revoke", scope, org)

    def delegate(self, consumer: str, supplier: str, *scopes: str, valid_to: int | None = None) -> str:
        """Let `supplier` use `scopes` for `consumer`, in a year's time or until `valid_to` (seconds); return its id."""
        end = seconds_ahead(valid_to, self.clock.time())
        parties = ["--consumer", self.add_organisation(consumer), "--supplier", self.add_organisation(supplier)]
        named = [word for scope in scopes for word in ("--scope", scope)]
        until = [] if end is None else ["--valid-to", iso8601(end)]
        return str(self._run("delegation", "add", *parties, *named, *until)["id"])

    def revoke_delegation(self, delegation_id: str) -> None:
        """End a delegation."""
        self._run("delegation", "revoke", delegation_id)

    def disable_client(self, client_id: str) -> None:
        """Deactivate a client."""
        self._run("client", "disable", client_id)

    def add_key(self, client_id: str, key: KeyPair) -> None:
        """Register one more key on a client."""
        self._run("client", "key", "add", client_id, "--jwk", self._file(key.jwk))

    def remove_key(self, client_id: str, kid: str) -> None:
        """Deactivate a key of a client."""
        self._run("client", "key", "remove", client_id, kid)

    def http(self) -> httpx2.Client:
        """An HTTP client, to be closed by who asked for it; any other reaches loopback as well."""
        return httpx2.Client(verify=False, trust_env=False)

    def async_http(self) -> httpx2.AsyncClient:
        """The same for asyncio."""
        return httpx2.AsyncClient(verify=False, trust_env=False)

    def endpoints(self) -> Endpoints:
        """Its addresses, so that nobody needs to look them up."""
        return Endpoints(self.issuer, f"{self.issuer}token", f"{self.issuer}jwk")

    def validator(self, audience: Audience, **policy: Any) -> TokenValidator:
        """A validator of its tokens on its clock, for an `audience`; `policy` is that of `Policy` or `check_status`."""
        return make_validator(self, audience, **policy)

    def _run(self, *words: str) -> dict[str, Any]:
        """Run one verb of the command line. Raises ConfigError with what it says when it refuses."""
        done = subprocess.run(  # noqa: S603 - the command that was found, and the words of a test
            [self._command, *words, "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._directory,
            env=self._environment,
        )
        if done.returncode:
            raise ConfigError(f"authserver {' '.join(words[:2])}: {(done.stderr or done.stdout).strip()[-500:]}")
        with suppress(json.JSONDecodeError):
            document = json.loads(done.stdout)
            return document if isinstance(document, dict) else {}
        return {}

    def _new_number(self) -> str:
        return next(one for one in self._numbers if one not in self._organisations)

    def _file(self, document: object) -> str:
        path = self._directory / f"{secrets.token_hex(8)}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(path)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready, timeout=2) as answer:  # noqa: S310 - an address of ours
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
