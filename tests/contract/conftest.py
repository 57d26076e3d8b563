"""What every contract is run on: SQLite and PostgreSQL, migrated, and Valkey. Servers start once a session."""

import gc
import itertools
import shutil
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import anyio.to_thread
import pytest
from sqlalchemy.pool import QueuePool

from authserver.storage.database import Database, open_database
from authserver.storage.migrations import migrate
from authserver.storage.registry_store import SqlRegistryStore
from tests.support import servers

DIALECTS = ("sqlite", "postgresql")

OpenDatabase = Callable[[], Database]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """A running PostgreSQL."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[servers.ValkeyServer]:
    """A running Valkey."""
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster_url() -> Iterator[str]:
    """The address of a running Valkey Cluster of three primaries."""
    with servers.valkey_cluster() as primaries:
        yield f"redis+cluster://127.0.0.1:{primaries[0].port}"


@pytest.fixture
def careless_client() -> Iterator[None]:
    """Let the Cluster client drop connections unclosed, as it does when it learns of another topology."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def names() -> Iterator[int]:
    """Numbers that no other test of the session gets."""
    return itertools.count()


@pytest.fixture(scope="session")
async def migrated_template(postgres_server: servers.PostgresServer) -> str:
    """The name of a migrated PostgreSQL database that tests copy."""
    await migrate(postgres_server.create_database("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
async def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("migrated") / "authserver.db"
    await migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """A fresh SQLite database."""
    return f"sqlite+aiosqlite:///{shutil.copy(migrated_file, tmp_path / 'authserver.db')}"


@pytest.fixture
async def postgresql_url(postgres_server: servers.PostgresServer, migrated_template: str, names: Iterator[int]) -> str:
    """A fresh PostgreSQL database."""
    name = f"contract{next(names)}"
    return await anyio.to_thread.run_sync(postgres_server.create_database, name, migrated_template)


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def open_again(database_url: str) -> AsyncIterator[Callable[[], Database]]:
    """Open the same database once more, as another node does."""
    opened: list[Database] = []

    def open_one() -> Database:
        opened.append(open_database(database_url))
        return opened[-1]

    yield open_one
    # A connection that comes back to a closed pool is closed by the collector, in the middle of another test.
    in_use = sum(cast("QueuePool", database.engine.pool).checkedout() for database in opened)
    for database in reversed(opened):
        await database.close()
    assert not in_use, "the test left work under way"


@pytest.fixture
def database(open_again: OpenDatabase) -> Database:
    """A fresh database, opened."""
    return open_again()


@pytest.fixture
def store(database: Database) -> SqlRegistryStore:
    """A registry in a fresh database."""
    return SqlRegistryStore(database)


Closer = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture
async def closing() -> AsyncIterator[Closer]:
    """Close at the end of the test, last first, what is handed over."""
    async with AsyncExitStack() as stack:

        def close_later(close: Callable[[], Awaitable[None]]) -> None:
            stack.push_async_callback(close)

        yield close_later
