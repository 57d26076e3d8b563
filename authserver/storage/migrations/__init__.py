"""The schema's history, and the two calls that read and advance it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from authserver.storage.database import Database, open_database

# Any number that no other program on the same database takes for its own advisory lock.
_MIGRATION_LOCK = 0x7111_17


async def migrate(database_url: str) -> str:
    """Bring the database to the newest revision, in one transaction, and return that revision.

    Nodes that start at once wait for each other. Raises what the driver and the network raise.
    """
    database = open_database(database_url)
    try:
        async with database.write() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await connection.run_sync(_upgrade)
        return head_revision()
    finally:
        await database.close()


async def current_revision(database: Database) -> str | None:
    """The revision the database is at, None when it was never migrated."""
    async with database.read() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def head_revision() -> str:
    """The newest revision this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the migrations are not installed")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
