"""Authorities to be raced, killed and cut off: on SQLite and on PostgreSQL, with one process and with two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex

import pytest

from tests.support.authority import Authority, running
from tests.support.servers import PostgresServer, postgres

KINDS = ("sqlite", "postgresql", "sqlite, two workers", "postgresql, two workers")
Start = Callable[[str], Authority]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for all authorities of these tests; no test stops it."""
    with postgres() as server:
        yield server


def begin(stack: ExitStack, directory: Path, kind: str, server: PostgresServer) -> Authority:
    """Start an authority of one kind, on a database of its own."""
    settings = {"database_url": server.create_database(f"t{token_hex(4)}")} if "postgresql" in kind else {}
    return stack.enter_context(running(directory, **settings, workers=2 if "two" in kind else 1))


@pytest.fixture(scope="session", params=KINDS)
def authority(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Authority]:
    """An authority that keeps running; no test stops it."""
    with ExitStack() as stack:
        yield begin(stack, tmp_path_factory.mktemp("authority"), request.param, postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def mortal(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Authority]:
    """An authority of the test's own, to be killed."""
    with ExitStack() as stack:
        yield begin(stack, tmp_path, request.param, postgres_server)
