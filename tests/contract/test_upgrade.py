"""Rolling upgrades: the program of the last revision works on the schema of this one, and this one on the next."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, inspect, text

from authserver.services import NotReadyError, migrate, open_store
from authserver.settings import Settings
from authserver.storage.database import Database, open_database
from authserver.storage.migrations import Standing, head_revision, standing
from authserver.storage.migrations import migrate as advance
from tests.contract.conftest import OpenDatabase
from tests.contract.revisions import revisions, upgrade
from tests.support import servers
from tests.support.authority import ROOT, Authority

pytestmark = pytest.mark.anyio
VERSIONS = "authserver/storage/migrations/versions"


def git(*words: str) -> bytes:
    """Ask this repository, which is a clone with its history."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


def program_before(revision: str, directory: Path) -> Path:
    """Unpack the program as it was just before a revision was added to the schema."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{revision}_*").decode().split()
    commit = f"{added[-1]}^" if added else "HEAD"
    directory.mkdir()
    archive = git("archive", "--format=tar", commit, "authserver")
    subprocess.run(["tar", "--extract", "--file=-"], cwd=directory, input=archive, check=True)
    assert not list((directory / VERSIONS).glob(f"{revision}_*"))
    return directory


class Older(Authority):
    """A node that runs another version of the program than the tests."""

    program: Path

    def environment(self) -> dict[str, str]:
        """The settings of this authority that the other version has, too."""
        known = (self.program / "authserver/settings.py").read_text(encoding="utf-8")
        environment = {
            name: value
            for name, value in super().environment().items()
            if f" {name.removeprefix('AUTHSERVER_').lower()}:" in known or not name.startswith("AUTHSERVER_")
        }
        return {**environment, "PYTHONPATH": str(self.program)}

    def verb(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Run a verb of that program."""
        command = [sys.executable, "-m", "authserver", *words]
        return subprocess.run(command, cwd=self.directory, env=self.environment(), capture_output=True, check=False)


@pytest.fixture
async def mark(open_again: OpenDatabase) -> Callable[[str, str], Any]:
    """Let a later program have migrated the database."""

    async def later(revision: str, oldest: str) -> None:
        async with open_again().write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
            await connection.execute(text("UPDATE compatibility SET oldest_revision = :oldest"), {"oldest": oldest})

    return later


def test_the_program_before_starts_on_the_newest_schema(tmp_path: Path) -> None:
    """After the migration the version before still starts, issues, follows revocations, and leaves the schema alone."""
    authority = Older(tmp_path)
    authority.program = program_before(head_revision(), tmp_path / "before")
    try:
        authority.init()
        client = authority.registry.granted_client()
        assert authority.verb("init").returncode == 0
        authority.start()
        answer = authority.token(client)
        assert answer.status == 200, answer.body
        assert authority.verb("client", "disable", client.id).returncode == 0
        assert authority.token(client).status == 400
        authority.registry.set_client(client, active=True)
        assert authority.token(client).status == 200
        rows = authority.registry.rows("SELECT version_num FROM alembic_version")
        assert [row["version_num"] for row in rows] == [head_revision()]
    finally:
        authority.close()


@pytest.mark.parametrize("revision", revisions()[:-1])
async def test_no_revision_takes_anything_away(
    revision: str, database: Database, postgres_server: servers.PostgresServer, tmp_path: Path
) -> None:
    """The newest schema has every table and column of each earlier one, and fills by itself what that did not know."""
    url = f"sqlite:///{tmp_path}/old.db"
    if database.dialect == "postgresql":
        url = postgres_server.create_database(f"revision{revision}")
    await upgrade(url, revision)

    old = open_database(url)
    async with old.read() as earlier, database.read() as newest:
        before, after = await earlier.run_sync(tables), await newest.run_sync(tables)
    await old.close()
    assert before.keys() <= after.keys()
    for table, columns in before.items():
        assert {name: after[table].get(name) for name in columns} == columns, table
        assert {name for name in after[table].keys() - columns.keys() if not fills_itself(after[table][name])} == set()


def tables(connection: Connection) -> dict[str, dict[str, tuple[str, bool, bool]]]:
    """Each table's columns: type, whether NULL may stand there, and whether there is a default."""
    reflected = MetaData()
    reflected.reflect(connection)
    assert inspect(connection).get_table_names()
    return {
        table.name: {
            column.name: (str(column.type), bool(column.nullable), column.server_default is not None)
            for column in table.columns
        }
        for table in reflected.tables.values()
    }


def fills_itself(column: tuple[str, bool, bool]) -> bool:
    """Tell whether a program that does not know a column may leave it out."""
    _, nullable, default = column
    return nullable or default


def test_revisions_are_numbers_in_order() -> None:
    """Revisions are compared as text, which needs four digits each."""
    assert revisions() == [f"{number:04}" for number in range(1, len(revisions()) + 1)]


async def test_a_later_database_says_which_programs_it_can_live_with(
    database: Database, database_url: str, mark: Callable[[str, str], Any]
) -> None:
    """On a later revision this program starts if the database allows its own, and migrates nothing."""
    assert await standing(database) is Standing.FIT
    await mark("9998", head_revision())
    assert await standing(database) is Standing.FIT
    await migrate(Settings(database_url=database_url))
    assert await advance(database_url) == "9998"
    async with open_store(Settings(database_url=database_url)) as store:
        assert await store.epoch() == 0


async def test_a_database_for_later_programs_alone_is_refused(
    database: Database, database_url: str, mark: Callable[[str, str], Any]
) -> None:
    """A program older than what the database allows is told to be upgraded, and leaves the database alone."""
    await mark("9998", "9997")
    assert await standing(database) is Standing.AHEAD
    with pytest.raises(NotReadyError, match="upgrade the program"):
        await migrate(Settings(database_url=database_url))
    assert await advance(database_url) == "9998"
    with pytest.raises(NotReadyError, match="upgrade the program"):
        async with open_store(Settings(database_url=database_url)):
            pass


@pytest.mark.parametrize("revision", revisions()[:-1])
async def test_an_older_database_must_be_migrated_first(revision: str, tmp_path: Path) -> None:
    """A node of this version waits for no migration that nobody runs: it says what to do."""
    url = f"sqlite:///{tmp_path}/old.db"
    await upgrade(url, revision)
    with pytest.raises(NotReadyError, match="authserver init"):
        async with open_store(Settings(database_url=url)):
            pass
    await migrate(Settings(database_url=url))
    async with open_store(Settings(database_url=url)) as store:
        assert await store.epoch() == 0
