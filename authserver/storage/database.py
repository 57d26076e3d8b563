"""The database, opened once a process: an engine, and transactions to read and to write by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from authserver.oauth.unavailable import Unavailable
from authserver.storage.errors import DatabaseFault

Dialect = Literal["sqlite", "postgresql"]

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 5
POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 5
BUSY_MILLISECONDS: Final = 5_000
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Database:
    """One database. `dsn` is what its driver opens: a libpq address, or the path of a file."""

    engine: AsyncEngine
    dialect: Dialect
    dsn: str = field(repr=False)
    # SQLite has one writer at a time, and its busy handler sleeps; the writers of one process queue here instead.
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database throughout and changes nothing."""
        level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        async with self.engine.connect() as connection:
            if self.dialect == "postgresql":
                await connection.execution_options(**level)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        """A transaction committed on leaving it without error; on SQLite it is the only writer from the start.

        When not `durable`, the commit is not waited for to reach the disk; a later durable commit carries it there,
        since both write one log in order. Only SQLite heeds it here.
        """
        one_writer = self._writing if self.dialect == "sqlite" else nullcontext()
        async with one_writer, self.engine.connect() as connection:
            await connection.execution_options(tillit_write="durable" if durable else "relaxed")
            async with connection.begin():
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def open_database(url: str, *, hurried: bool = True) -> Database:
    """Prepare to use the database at `url`; nothing is connected yet. Unless `hurried`, a statement may take any time.

    Takes `sqlite[+aiosqlite]:///path` and `postgresql[+asyncpg]://…`; the latter may hold everything a libpq address
    may (`sslmode`, several hosts, `target_session_attrs`). Raises ValueError for anything else.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgresql+asyncpg", "postgres"}:
        return _open_postgresql(f"postgresql://{rest}", hurried=hurried)
    if separator and scheme in {"sqlite", "sqlite+aiosqlite"}:
        return _open_sqlite(f"sqlite+aiosqlite://{rest}")
    raise ValueError("the database URL must begin with postgresql:// or sqlite:///")


async def connect_postgresql(
    dsn: str, settings: Mapping[str, str] | None = None, *, hurried: bool = True
) -> asyncpg.Connection[Any]:
    """Open one connection, with our timeouts if `hurried`. Raises what asyncpg and the network raise."""
    # Zero is no limit.
    seconds = STATEMENT_SECONDS if hurried else 0
    limits = {
        "application_name": "authserver",
        "statement_timeout": f"{seconds}s",
        "idle_in_transaction_session_timeout": f"{2 * seconds}s",
        "timezone": "UTC",
    }
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        # Above the server's own limit, for a server that is frozen and enforces none.
        command_timeout=seconds + 1 if hurried else None,
        server_settings=limits | dict(settings or {}),
    )


def _open_postgresql(dsn: str, *, hurried: bool) -> Database:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect_postgresql(dsn, hurried=hurried),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
    )
    return Database(engine, "postgresql", dsn)


def _open_sqlite(url: str) -> Database:
    path = make_url(url).database
    if not path or path == ":memory:":
        raise ValueError("the SQLite URL must name a file, as in sqlite:///var/authserver.db")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_timeout=CONNECT_SECONDS)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # The driver must begin nothing on its own: how a transaction begins is decided below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_MILLISECONDS}"):
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("tillit_write")
        if writes:
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if writes == 'durable' else 'NORMAL'}")
        # IMMEDIATE, since a reader that turns writer midway fails where it should wait.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(engine, "sqlite", path)


async def wait_until_ready(database: Database, notify: Callable[[str], None], *, seconds: float | None = None) -> None:
    """Return once the database answers; until then `notify` gets one sentence for each new cause.

    Raises Unavailable when `seconds` have passed; None waits for ever.
    """
    pause, told = _FIRST_PAUSE, ""
    try:
        async with asyncio.timeout(seconds):
            while cause := await _silence(database):
                if cause != told:
                    notify(f"Waiting for the {database.dialect} database: {cause}")
                told = cause
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError:
        raise Unavailable("database") from None


async def _silence(database: Database) -> str:
    """Why the database does not answer, in a sentence; empty when it does."""
    try:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except DatabaseFault as error:
        cause = getattr(error, "orig", None) or error
        return str(cause) or type(cause).__name__
    return ""
