"""A running authority for the web tests, one for each profile as the server's default."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.authority import Authority, running
from tests.support.http import Answer, broken_promises
from tests.support.registrar import RegisteredClient
from tests.web.slow import SLOW, SlowClient


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the profile `standard` on SQLite."""
    with running(tmp_path_factory.mktemp("standard")) as started:
        yield started
        # Whatever the tests threw at it: nothing fell through to the last door, and nothing secret was logged.
        assert "Traceback" not in started.log
        assert '"fault"' not in started.log
        assert "eyJ" not in started.log


@pytest.fixture(scope="session")
def maskinporten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the profile `maskinporten` on SQLite."""
    with running(tmp_path_factory.mktemp("maskinporten"), profile="maskinporten") as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def slow_clients(authority: Authority) -> dict[str, SlowClient]:
    """Clients that take their time, begun before all tests so that no test waits for them alone."""
    return {name: SlowClient(authority.port, at_once, drips) for name, (at_once, drips) in SLOW.items()}


@pytest.fixture(scope="session")
def client(authority: Authority) -> RegisteredClient:
    """A client with one scope, granted; no test changes it."""
    return authority.registry.granted_client()


@pytest.fixture(scope="session")
def legacy_client(authority: Authority) -> RegisteredClient:
    """A client held to the profile `maskinporten`; no test changes it."""
    return authority.registry.granted_client(alg="RS256", profile="maskinporten")


def assert_refused(answer: Answer, status: int, error: str, code: str, *canaries: str) -> None:
    """Hold an answer to its exact refusal, and to what every answer of the token endpoint promises."""
    assert answer.refusal == (status, error, code), answer.body
    assert broken_promises(answer, *canaries) == []


def assert_issued(answer: Answer) -> None:
    """Hold an answer to a success, and to what every answer of the token endpoint promises."""
    assert answer.status == 200, answer.body
    assert broken_promises(answer) == []
