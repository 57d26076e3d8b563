"""One authority of each profile, a client of each, and the clauses that tests are named after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.authority import Authority, running
from tests.support.registrar import RegisteredClient, Registrar


@pytest.fixture(autouse=True)
def clause(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The clauses that a test proves; its decorator puts them into the test's name."""
    return tuple(getattr(request, "param", ()))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the profile `standard`."""
    with running(tmp_path_factory.mktemp("conformance")) as started:
        yield started


@pytest.fixture(scope="session")
def registry(authority: Authority) -> Registrar:
    """Its registry."""
    return authority.registry


@pytest.fixture(scope="session")
def client(registry: Registrar) -> RegisteredClient:
    """A client of the profile `standard`, granted its one scope."""
    return registry.granted_client()


@pytest.fixture(scope="session")
def legacy(registry: Registrar) -> RegisteredClient:
    """A client of the profile `maskinporten`, granted its one scope."""
    return registry.granted_client(alg="RS256", profile="maskinporten")
