"""Databases at other revisions than the newest."""

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from authserver.storage import migrations
from authserver.storage.database import open_database


def revisions() -> list[str]:
    """Every revision, oldest first."""
    script = ScriptDirectory.from_config(migrations._config())
    return sorted(revision.revision for revision in script.walk_revisions())


async def upgrade(url: str, revision: str) -> None:
    """Bring an empty database to a revision."""
    await _move(url, command.upgrade, revision)


async def downgrade(url: str, revision: str) -> None:
    """Take a database back to a revision."""
    await _move(url, command.downgrade, revision)


async def _move(url: str, move: object, revision: str) -> None:
    assert callable(move)

    def run(connection: Connection) -> None:
        config = migrations._config()
        config.attributes["connection"] = connection
        move(config, revision)

    database = open_database(url)
    async with database.write() as connection:
        await connection.run_sync(run)
    await database.close()
