"""A running authority with the admin API's scopes, and tools that call it with tokens of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from authserver.registry.administration import Administration, establish
from authserver.registry.ports import Actor
from authserver.services import open_store
from tests.support.authority import Authority, running
from tests.support.http import Answer, request
from tests.support.registrar import RegisteredClient

PREFIX = "idporten"
ADMINISTRATOR = tuple(
    f"{PREFIX}:{name}" for name in ("dcr.write", "scopes.write", "delegations.write", "dcr.read", "scopes.read")
)


@dataclass(frozen=True)
class Tool:
    """A client of the admin API, as a tool of one organisation uses it."""

    authority: Authority
    client: RegisteredClient

    @property
    def orgno(self) -> str:
        """The organisation it acts for."""
        return self.client.orgno

    @property
    def token(self) -> str:
        """A fresh token for all its scopes."""
        return self.authority.token(self.client).token

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, token: str = ""
    ) -> Answer:
        """Call the API with a fresh token, or the one given; a body that is not text is sent as JSON."""
        sent = {"authorization": f"Bearer {token or self.token}", **(headers or {})}
        if isinstance(body, str):
            return request(self.authority.port, method, path, body.encode(), {"content-type": "text/plain", **sent})
        if body is None:
            return request(self.authority.port, method, path, None, sent)
        return request(
            self.authority.port, method, path, json.dumps(body).encode(), {"content-type": "application/json", **sent}
        )


def established(authority: Authority) -> None:
    """Do what `authserver init` does for the admin API."""

    async def register() -> None:
        settings = authority.settings
        async with open_store(settings) as store:
            administration = Administration(settings.admin_prefix, settings.operator)
            await establish(
                store, Actor("operator"), int(time.time()), administration=administration, name="The operator"
            )

    asyncio.run(register())


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the profile `standard` on SQLite, with the admin API."""
    with running(tmp_path_factory.mktemp("admin")) as started:
        established(started)
        yield started
        assert "Traceback" not in started.log
        assert "eyJ" not in started.log


NewTool = Callable[..., Tool]


@pytest.fixture(scope="session")
def new_tool(authority: Authority) -> NewTool:
    """Make a tool of a new organisation, or of one given, with these admin scopes; an administrator's if none."""

    def make(*scopes: str, org: str | None = None) -> Tool:
        wanted = tuple(f"{PREFIX}:{name}" for name in scopes) or ADMINISTRATOR
        return Tool(authority, authority.registry.granted_client(*wanted, org=org))

    return make


@pytest.fixture(scope="session")
def tool(new_tool: NewTool) -> Tool:
    """The tool of one organisation's administrator; no test takes anything from it."""
    return new_tool()


@pytest.fixture(scope="session")
def other(new_tool: NewTool) -> Tool:
    """The tool of another organisation's administrator."""
    return new_tool()


@pytest.fixture(scope="session")
def operator(authority: Authority, new_tool: NewTool) -> Tool:
    """A tool of the operator."""
    return new_tool("operator", org=authority.settings.operator)
