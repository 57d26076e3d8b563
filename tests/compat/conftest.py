"""Two real authorities, one of each profile, and a client as its owner would register it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from authserver.services import open_key_ring
from authserver.settings import Settings
from tests.support.authority import Authority, running
from tests.support.registrar import RegisteredClient


@pytest.fixture(scope="session")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority as it is without settings."""
    with running(tmp_path_factory.mktemp("standard")) as authority:
        yield authority


@pytest.fixture(scope="session")
def maskinporten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority whose default profile is `maskinporten`."""
    directory = tmp_path_factory.mktemp("maskinporten")
    # Keys of its own: it stands for another authority, too.
    open_key_ring(Settings(keys_dir=directory / "own-keys")).init()
    with running(directory, profile="maskinporten", keys_dir=directory / "own-keys") as authority:
        yield authority


@pytest.fixture(scope="session", params=["RS256", "ES256"])
def client(request: pytest.FixtureRequest, standard: Authority) -> RegisteredClient:
    """A client of the standard authority with one scope, once with an RSA and once with an EC key."""
    scope = standard.registry.scope(audience="https://api.example/income")
    return standard.registry.granted_client(scope, alg=request.param)


@pytest.fixture(scope="session")
def classic(maskinporten: Authority) -> RegisteredClient:
    """A client of the authority of profile `maskinporten` with one scope."""
    return maskinporten.registry.granted_client(alg="RS256")
