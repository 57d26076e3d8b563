"""Backup and restore: everything comes back, nothing leaves the record, and no node trusts what it held before."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing as finally_close
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from typing import Any

import anyio.to_thread
import pytest
from sqlalchemy import select, text

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import LONGEST_ASSERTION_MEMORY
from authserver.oauth.models import Organisation, Record, Ref
from authserver.oauth.single_use import Spending
from authserver.oauth.unavailable import Unavailable
from authserver.record.decisions import SqlDecisions
from authserver.storage import backup
from authserver.storage.database import Database, open_database
from authserver.storage.migrations import head_revision, migrate
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.schema import registry_changes
from authserver.storage.single_use_sql import SqlSingleUse
from authserver.storage.snapshot import Snapshot
from tests.contract.conftest import DIALECTS, Closer
from tests.contract.registry import CLIENT, NOW, OPERATOR, OWNER, RECORDS, fill, put
from tests.contract.revisions import downgrade
from tests.contract.test_decisions import decision
from tests.support import servers

pytestmark = pytest.mark.anyio

LATER = NOW + 1000
SPENDING = Spending("client-1", "jti-1", LATER)


@pytest.fixture
def closed(closing: Closer) -> Callable[[str], Database]:
    """Open databases that are closed with the test."""

    def opened(url: str) -> Database:
        database = open_database(url)
        closing(database.close)
        return database

    return opened


@pytest.fixture
async def file(database: Database, closed: Callable[[str], Database], tmp_path: Path) -> Database:
    """A backup of a filled registry, a decision and a spent assertion."""
    await fill(SqlRegistryStore(database))
    await record(database, 1)
    await spend(database)
    url = f"sqlite:///{tmp_path}/backup"
    made = closed(url)
    held = await backup.copy_to(database, made, url)
    assert (held.epoch, len(held.records)) == (1, len(RECORDS))
    return made


@pytest.fixture(params=DIALECTS)
async def empty(
    request: pytest.FixtureRequest,
    postgres_server: servers.PostgresServer,
    names: Iterator[int],
    closed: Callable[[str], Database],
    tmp_path: Path,
) -> Database:
    """An empty database of each kind, to restore into."""
    url = f"sqlite:///{tmp_path}/empty.db"
    if request.param == "postgresql":
        url = await anyio.to_thread.run_sync(postgres_server.create_database, f"restored{next(names)}")
    await migrate(url)
    return closed(url)


async def record(database: Database, number: int) -> None:
    decisions = SqlDecisions(database)
    await decisions.commit(decision(number))
    await decisions.close()


async def spend(database: Database) -> bool:
    single_use = SqlSingleUse(database)
    spent = await single_use.spend(SPENDING, NOW)
    await single_use.close()
    return spent.first_use


async def restore(database: Database, source: Database, *, highest: int = 0, now: int = LATER) -> backup.Restored:
    return await backup.restore(database, source, highest=highest, now=now, actor=OPERATOR, reason="test")


async def log(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        query = select(registry_changes).order_by(registry_changes.c.seq)
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def held(database: Database) -> backup.Held:
    async with database.read() as connection:
        return await backup.held_by(connection)


def by_name(held: backup.Held) -> dict[Ref, Record]:
    return {record.ref: record for record in held.records}


async def test_everything_comes_back_in_either_kind_of_database(
    database: Database, file: Database, empty: Database
) -> None:
    """Registry, change log, decisions and spent assertions are in the new database as they were in the old one."""
    restored = await restore(empty, file)
    assert by_name(await held(empty)) == by_name(await held(database))
    assert (restored.before.records, restored.after.epoch) == ([], 1)
    *changes, last = await log(empty)
    assert changes == await log(database)
    assert (last["kind"], last["action"], last["actor_person"], last["reason"]) == (
        "registry",
        "restored",
        OPERATOR.person,
        "test",
    )
    assert await SqlDecisions(empty).recent() == await SqlDecisions(database).recent()
    assert not await spend(empty)


async def test_the_change_log_goes_on_after_a_restore(file: Database, empty: Database) -> None:
    """Changes made in the restored database are logged behind those that came with the backup."""
    await restore(empty, file)
    epoch = await put(SqlRegistryStore(empty), Organisation(OWNER, "Another name"))
    rows = await log(empty)
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert (rows[-1]["epoch"], rows[-1]["after"]) == (
        epoch,
        (
            '{"active":true,"most_clients":null,"most_scopes":null,"most_waiting":null,"most_webhooks":null,'
            f'"name":"Another name","orgno":"{OWNER}"}}'
        ),
    )


async def test_a_restore_takes_nothing_from_the_record(database: Database, file: Database) -> None:
    """What was decided, spent and logged after the backup stays; only the registry is what it was."""
    store = SqlRegistryStore(database)
    await put(store, replace(CLIENT, active=False))
    await record(database, 2)
    before = await log(database)
    restored = await restore(database, file)
    assert [client.active for client in await store.clients()] == [True]
    assert (await log(database))[:-1] == before
    assert await SqlDecisions(database).count() == 2
    assert not await spend(database)
    assert restored.before.records != restored.after.records


@pytest.mark.parametrize(("highest", "epoch"), [(0, LATER), (LATER + 10, LATER + 11)])
async def test_the_epoch_moves_past_everything_seen(
    database: Database, file: Database, highest: int, epoch: int
) -> None:
    """The new policy epoch is higher than the highest known, and than any that no one is left to tell of."""
    assert (await restore(database, file, highest=highest)).epoch == epoch
    assert await SqlRegistryStore(database).epoch() == epoch


async def test_a_clock_that_is_behind_does_not_lower_the_epoch(database: Database, file: Database) -> None:
    """A second restore, by a clock that went back, still moves forward."""
    first = await restore(database, file)
    assert (await restore(database, file, now=NOW)).epoch == first.epoch + 1


async def test_a_node_drops_everything_and_pauses(database: Database, file: Database) -> None:
    """A snapshot from before the restore gives no fact until no assertion of that time is valid, and then the new."""
    store, time = SqlRegistryStore(database), [LATER]
    await put(store, replace(CLIENT, active=False))
    snapshot = Snapshot(store, lambda: time[0])
    await snapshot.refresh()
    await snapshot.facts([CLIENT.ref, Ref("organisation", OWNER)])
    restored = await restore(database, file)
    await snapshot.follow(restored.epoch)
    assert len(snapshot) == 0
    with pytest.raises(Unavailable) as paused:
        await snapshot.facts([CLIENT.ref])
    assert (paused.value.certain, paused.value.retry_after) == (True, LONGEST_ASSERTION_MEMORY)
    time[0] += LONGEST_ASSERTION_MEMORY - 1
    with pytest.raises(Unavailable):
        await snapshot.facts([CLIENT.ref])
    time[0] += 1
    assert (await snapshot.facts([CLIENT.ref]))[CLIENT.ref] == CLIENT


async def test_a_node_that_starts_in_the_pause_pauses_too(database: Database, file: Database) -> None:
    """A node started after the restore knows of the pause before its first request."""
    await restore(database, file)
    snapshot = Snapshot(SqlRegistryStore(database), lambda: LATER)
    await snapshot.refresh()
    with pytest.raises(Unavailable):
        await snapshot.facts([CLIENT.ref])


async def test_a_database_restored_by_other_means_is_made_safe(database: Database) -> None:
    """Declared restored, a database moves on past the highest epoch known, logs that, and pauses."""
    store = SqlRegistryStore(database)
    await fill(store)
    declared = await backup.declare_restored(database, highest=LATER + 5, now=LATER, actor=OPERATOR, reason="")
    assert (declared.epoch, declared.paused_until) == (LATER + 6, LATER + LONGEST_ASSERTION_MEMORY)
    assert (await log(database))[-1]["action"] == "restored"
    assert (await store.changes_since(1)).refs is None
    assert (await store.changes_since(1)).paused_until == declared.paused_until


async def test_the_backup_of_another_authority_is_refused(file: Database, empty: Database) -> None:
    """A database with a history of its own is not given another's, and stays as it was."""
    await put(SqlRegistryStore(empty), Organisation(OWNER, "Somebody else"))
    with pytest.raises(Refusal) as refused:
        await restore(empty, file)
    assert refused.value.reason is Reason.CONFLICT
    assert (await held(empty)).records == [Organisation(OWNER, "Somebody else")]
    assert await SqlRegistryStore(empty).epoch() == 1


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + bytes(100)])
async def test_a_file_that_is_no_backup_is_refused(
    content: bytes, tmp_path: Path, closed: Callable[[str], Database]
) -> None:
    """What is no database, or one of somebody else, is refused in a sentence."""
    (tmp_path / "file").write_bytes(content)
    url = f"sqlite:///{tmp_path}/file"
    with pytest.raises(Refusal) as refused:
        await backup.bring_up_to_date(closed(url), url)
    assert refused.value.reason is Reason.INVALID


async def test_the_backup_of_a_later_program_is_refused(tmp_path: Path, closed: Callable[[str], Database]) -> None:
    """A backup that this program cannot know is not guessed at."""
    url = f"sqlite:///{tmp_path}/file"
    await migrate(url)
    with finally_close(connect(tmp_path / "file")) as later, later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
        later.execute("UPDATE compatibility SET oldest_revision = '9999'")
    with pytest.raises(Refusal):
        await backup.bring_up_to_date(closed(url), url)


async def test_the_backup_of_an_earlier_program_is_brought_up_to_date(
    tmp_path: Path, closed: Callable[[str], Database], file: Database, empty: Database
) -> None:
    """A copy that stands at the first revision is migrated and restores as a new one does."""
    await file.close()
    url = f"sqlite:///{shutil.copy(file.dsn, tmp_path / 'old')}"
    await downgrade(url, "0001")
    old = closed(url)
    await backup.bring_up_to_date(old, url)
    async with old.read() as connection:
        assert (
            await connection.execute(text("SELECT version_num FROM alembic_version"))
        ).scalar_one() == head_revision()
    await restore(empty, old)
    assert by_name(await held(empty)) == {record.ref: record for record in RECORDS}
