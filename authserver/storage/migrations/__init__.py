"""The schema's history: how a database stands to this program, and the call that advances it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from authserver.storage.database import Database, open_database

if TYPE_CHECKING:
    from alembic.config import Config

# Any number that no other program on the same database takes for its own advisory lock.
_MIGRATION_LOCK = 0x7111_17
_HERE = Path(__file__).parent


class Standing(Enum):
    """How a database stands to this program."""

    EMPTY = "never migrated"
    OLDER = "at a revision before this program's"
    FIT = "at this program's revision, or at a later one that says it can be worked on by this program"
    AHEAD = "at a later revision, made for later programs alone"


async def migrate(database_url: str) -> str:
    """Bring the database to the newest revision, in one transaction, and return the revision it is at then.

    Nodes that start at once wait for each other. A database that a later program has migrated is left alone. Raises
    what the driver and the network raise.
    """
    # An index of millions of rows takes longer than any statement of a node may.
    database = open_database(database_url, hurried=False)
    try:
        async with database.write() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            return await connection.run_sync(_upgrade)
    finally:
        await database.close()


async def current_revision(database: Database) -> str | None:
    """The revision the database is at, None when it was never migrated."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


async def standing(database: Database) -> Standing:
    """Tell how the database stands to this program. Raises what the driver and the network raise."""
    async with database.read() as connection:
        return await connection.run_sync(_standing)


def head_revision() -> str:
    """The newest revision this program knows."""
    return max(_known_revisions())


def _known_revisions() -> set[str]:
    """Revisions are numbers of four digits, in order, and their files are named after them."""
    return {file.name.partition("_")[0] for file in (_HERE / "versions").glob("[0-9]*_*.py")}


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> str:
    if _standing(connection) in {Standing.EMPTY, Standing.OLDER}:
        # Only here and below: importing Alembic takes longer than most verbs.
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return _revision(connection) or ""


def _standing(connection: Connection) -> Standing:
    revision, head = _revision(connection), head_revision()
    if revision is None:
        return Standing.EMPTY
    if revision == head:
        return Standing.FIT
    if revision in _known_revisions():
        return Standing.OLDER
    # Later programs say in this table how old a program may be.
    if not inspect(connection).has_table("compatibility"):
        return Standing.AHEAD
    oldest = connection.execute(text("SELECT oldest_revision FROM compatibility")).scalar_one()
    return Standing.FIT if oldest <= head else Standing.AHEAD


def _revision(connection: Connection) -> str | None:
    """Read what Alembic keeps, without Alembic."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
