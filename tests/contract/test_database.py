"""Opening a database: addresses, time limits, durability, and waiting for one that is not there yet."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.oauth.unavailable import Unavailable
from authserver.storage.database import open_database, wait_until_ready
from tests.support import servers

pytestmark = pytest.mark.anyio


async def value(connection: AsyncConnection, query: str) -> object:
    return (await connection.execute(text(query))).scalar_one()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "sqlite+pysqlite:///x",
        "postgresql+psycopg://x/y",
        "postgresql",
        "",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
async def test_other_addresses_are_refused(url: str) -> None:
    """An address we do not take is a ValueError before anything is opened."""
    with pytest.raises(ValueError, match="URL"):
        open_database(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgres"])
async def test_every_postgresql_address_opens(scheme: str, postgresql_url: str) -> None:
    """Plain and driver-specific PostgreSQL addresses open the same database, libpq options included."""
    database = open_database(f"{scheme}{postgresql_url.removeprefix('postgresql')}?sslmode=disable")
    async with database.read() as connection:
        assert await value(connection, "SELECT current_database()") == postgresql_url.rpartition("/")[2]
        assert await value(connection, "SHOW statement_timeout") == "5s"
        assert await value(connection, "SHOW transaction_read_only") == "on"
    await database.close()


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_sqlite_is_made_safe(scheme: str, tmp_path: Path) -> None:
    """SQLite opens in WAL mode with foreign keys, in a directory made for it; durable writes wait for the disk."""
    database = open_database(f"{scheme}:///{tmp_path}/made/here/a.db")
    async with database.write() as connection:
        assert await value(connection, "PRAGMA journal_mode") == "wal"
        assert await value(connection, "PRAGMA foreign_keys") == 1
        assert await value(connection, "PRAGMA synchronous") == 2
    async with database.write(durable=False) as connection:
        assert await value(connection, "PRAGMA synchronous") == 1
    async with database.write() as connection:
        assert await value(connection, "PRAGMA synchronous") == 2
    await database.close()


async def test_a_password_is_never_shown(tmp_path: Path) -> None:
    """The representation of a database names no password."""
    assert "hunter2" not in repr(open_database("postgresql://user:hunter2@127.0.0.1/x"))


async def test_an_sqlite_writer_waits_for_another(sqlite_url: str) -> None:
    """A write that meets another program's transaction is done when that one ends, and fails nothing."""
    database = open_database(sqlite_url)
    other = sqlite3.connect(database.dsn, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(text("UPDATE policy_epoch SET epoch = epoch + 1"))

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    assert not writing.done()
    other.execute("UPDATE policy_epoch SET epoch = 10")
    other.execute("COMMIT")
    other.close()
    await writing
    async with database.read() as connection:
        assert await value(connection, "SELECT epoch FROM policy_epoch") == 11
    await database.close()


async def test_waiting_tells_why_and_ends_when_the_database_comes() -> None:
    """A node that starts before its database says once what it waits for, and goes on when it is there."""
    with servers.postgres() as server:
        server.kill()
        told: list[str] = []
        first = asyncio.Event()

        def notify(sentence: str) -> None:
            told.append(sentence)
            first.set()

        database = open_database(server.url())
        waiting = asyncio.create_task(wait_until_ready(database, notify))
        await first.wait()
        assert not waiting.done()
        await asyncio.to_thread(server.start)
        await waiting
        await database.close()
    assert told[0].startswith("Waiting for the postgresql database: ")
    assert len(told) == len(set(told))


async def test_waiting_can_be_limited() -> None:
    """A wait with a limit ends as Unavailable."""
    database = open_database("postgresql://postgres@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable):
        await wait_until_ready(database, lambda _: None, seconds=0.05)
    await database.close()
