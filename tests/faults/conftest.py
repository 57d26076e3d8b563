"""PostgreSQL 18, Valkey 8 and two nodes of two workers each, started once; every test gets them whole again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.site import Site, site
from tests.support.servers import PostgresServer, ValkeyServer, postgres, valkey

REPORT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured; no test judges it."""
    for line in config.stash.get(REPORT, []):
        terminalreporter.line(line)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say what was measured; it is printed when all tests are done."""
    lines = request.config.stash.setdefault(REPORT, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that tests may hurt."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey in memory that tests may hurt."""
    with valkey() as server:
        yield server


@pytest.fixture(scope="session")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, valkey_server: ValkeyServer
) -> Iterator[Site]:
    """Two nodes of two workers each."""
    with site(tmp_path_factory.mktemp("site"), postgres_server, valkey_server, workers=2) as made:
        yield made


@pytest.fixture
def whole(lasting: Site) -> Iterator[Site]:
    """The site in good health, and again when the test is over."""
    lasting.heal()
    yield lasting
    lasting.heal()
