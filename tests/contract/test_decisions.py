"""The record of decisions: what was answered is there, and what failed is told apart from what may be there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from signal import SIGQUIT
from typing import Any

import pytest
from sqlalchemy import text

from authserver.grants.ports import Decisions
from authserver.oauth.decision import Decision
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unavailable
from authserver.record.decisions import SqlDecisions
from authserver.record.writing import Entry
from authserver.storage.database import Database, open_database
from authserver.storage.migrations import migrate
from tests.contract.conftest import Closer
from tests.contract.registry import CONSUMER, NOW, OWNER, SUPPLIER
from tests.support import servers

pytestmark = pytest.mark.anyio

DECISION = Decision(
    trace_id="0" * 32,
    at=NOW,
    epoch=7,
    node="node-1",
    outcome="issued",
    client_id="client-1",
    client_orgno=SUPPLIER,
    consumer_orgno=CONSUMER,
    supplier_orgno=SUPPLIER,
    scopes=("tax:read", "tax:write"),
    audience=("https://tax.example/",),
    delegation_id="d1",
    profile="standard",
    kid="k1",
    assertion_id="jti-1",
    token_jti="token-1",
    token_sha256="ab" * 32,
    token_expires_at=NOW + 600,
    signing_kid="our-key",
)


def decision(number: int, **changes: Any) -> Decision:
    return replace(DECISION, trace_id=f"{number:032x}", **changes)


@pytest.fixture
def record(database: Database, closing: Closer) -> SqlDecisions:
    """The record in a fresh database."""
    decisions = SqlDecisions(database)
    closing(decisions.close)
    return decisions


async def test_the_record_fills_its_port(record: SqlDecisions) -> None:
    """The type checker holds the record to the port; this line is what it checks."""
    port: Decisions = record
    assert port is record


async def test_what_is_committed_is_read(record: SqlDecisions) -> None:
    """A decision comes back equal under its trace id, and an unknown trace id names none."""
    refused = decision(2, outcome="refused", code="MP-250", reason="access", detail="Æ", scopes=(), audience=())
    await asyncio.gather(record.commit(DECISION), record.commit(refused))
    assert await record.by_trace_id(DECISION.trace_id) == DECISION
    assert await record.by_trace_id(refused.trace_id) == refused
    assert await record.by_trace_id("f" * 32) is None
    assert [await record.count(), await record.count("issued"), await record.count("refused")] == [2, 1, 1]


async def test_a_commit_that_returned_is_seen_by_others(
    record: SqlDecisions, open_again: Callable[[], Database], closing: Closer
) -> None:
    """Whenever commit returns, another connection finds the decision, among many concurrent ones."""
    other = SqlDecisions(open_again())
    closing(other.close)

    async def commit(number: int) -> None:
        await record.commit(decision(number))
        assert await other.by_trace_id(decision(number).trace_id) is not None

    await asyncio.gather(*(commit(number) for number in range(100)))
    assert await other.count() == 100


async def test_concurrent_commits_share_transactions(record: SqlDecisions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred decisions at once are a handful of commits, not two hundred."""
    written: list[int] = []
    write = record._writer.write

    async def counted(batch: Sequence[Entry]) -> list[bool]:
        written.append(len(batch))
        return await write(batch)

    monkeypatch.setattr(record._writer, "write", counted)
    await asyncio.gather(*(record.commit(decision(number)) for number in range(200)))
    assert sum(written) == 200
    assert len(written) < 5


async def test_the_record_has_the_last_word_on_single_use(database: Database) -> None:
    """With the last word, of two tokens for one assertion one is recorded, whichever connection asked first."""
    first, second = SqlDecisions(database, last_word=True), SqlDecisions(database, last_word=True)
    claims = [decision(number, assertion_id="the-same", remember_until=NOW + 100) for number in range(20)]
    answers = await asyncio.gather(
        *(record.commit(each) for record, each in zip((first, second) * 10, claims, strict=True)),
        return_exceptions=True,
    )
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(refusals) == 19
    assert {refusal.reason for refusal in refusals} == {Reason.REPLAYED}
    assert await first.count("issued") == 1
    await first.close()
    await second.close()


async def test_the_last_word_lets_refusals_be_recorded_as_often_as_they_happen(database: Database) -> None:
    """A refused request has used nothing up: the same assertion may be refused again, and then have its token."""
    record = SqlDecisions(database, last_word=True)
    await record.commit(decision(1, outcome="refused", assertion_id="the-same"))
    await record.commit(decision(2, outcome="refused", assertion_id="the-same"))
    await record.commit(decision(3, assertion_id="the-same", remember_until=NOW + 100))
    assert await record.count() == 3
    await record.close()


async def test_recent_decisions_by_party_and_client(record: SqlDecisions) -> None:
    """The newest come first, and a party sees those it took part in, in whichever part, and no others."""
    foreign = {"client_orgno": OWNER, "consumer_orgno": OWNER, "supplier_orgno": ""}
    await record.commit(decision(1, at=NOW))
    await record.commit(decision(2, at=NOW + 2, client_id="client-2", **foreign))
    await record.commit(decision(3, at=NOW + 1))
    numbers = {
        key: [int(found.trace_id, 16) for found in decisions]
        for key, decisions in {
            "all": await record.recent(),
            "one": await record.recent(limit=1),
            "consumer": await record.recent(party=CONSUMER),
            "owner": await record.recent(party=OWNER),
            "client": await record.recent(client_id="client-1"),
            "both": await record.recent(party=OWNER, client_id="client-1"),
        }.items()
    }
    assert numbers == {
        "all": [2, 3, 1],
        "one": [2],
        "consumer": [3, 1],
        "owner": [2],
        "client": [3, 1],
        "both": [],
    }


async def test_text_that_a_database_cannot_hold_is_recorded_all_the_same(record: SqlDecisions) -> None:
    """NUL and lone surrogates in what a request brought neither fail the commit nor its neighbours."""
    await asyncio.gather(record.commit(decision(1, detail="a\0b\ud800", kid="\0")), record.commit(decision(2)))
    found = await record.by_trace_id(decision(1).trace_id)
    assert found is not None
    assert (found.detail, found.kid) == ("a\ufffdb?", "\ufffd")
    assert await record.count() == 2


async def test_one_impossible_row_fails_alone(record: SqlDecisions) -> None:
    """A row that the database refuses is certainly not recorded, and the others of its batch are."""
    rows = [decision(1), decision(1, detail="twin"), decision(2), decision(3, outcome="maybe"), decision(4)]
    answers = await asyncio.gather(*(record.commit(row) for row in rows), return_exceptions=True)
    assert [isinstance(answer, Unavailable) and answer.certain for answer in answers] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert await record.count() == 3


async def test_closing_commits_what_was_submitted(
    record: SqlDecisions, open_again: Callable[[], Database], closing: Closer
) -> None:
    """A node that closes while decisions wait commits them first, and takes no more."""
    waiting = [asyncio.create_task(record.commit(decision(number))) for number in range(20)]
    await asyncio.sleep(0)
    await record.close()
    await asyncio.gather(*waiting)
    assert await SqlDecisions(open_again()).count() == 20
    with pytest.raises(Unavailable) as refused:
        await record.commit(decision(99))
    assert refused.value.certain


async def test_a_record_that_never_answered_is_certain(closing: Closer) -> None:
    """If the database was not even reached, nothing was recorded, for certain."""
    database = open_database("postgresql://postgres@127.0.0.1:1/nothing")
    closing(database.close)
    record = SqlDecisions(database)
    with pytest.raises(Unavailable) as failed:
        await record.commit(DECISION)
    assert failed.value.certain


async def test_a_connection_lost_meanwhile_is_uncertain(postgresql_url: str, closing: Closer) -> None:
    """Who loses the connection while the server writes and commits in one step may not believe that it did neither."""
    database = open_database(postgresql_url)
    closing(database.close)
    record = SqlDecisions(database)
    closing(record.close)
    async with database.write() as connection:
        await connection.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
        waiting = asyncio.create_task(record.commit(DECISION))
        await _until_one_waits(database)
        async with database.write() as other:
            await other.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"))
        with pytest.raises(Unavailable) as failed:
            await waiting
    assert not failed.value.certain
    assert await record.count() == 0
    await record.commit(DECISION)
    assert await record.count() == 1


async def test_a_statement_that_the_server_gives_up_is_certain(postgresql_url: str, closing: Closer) -> None:
    """What the server itself refuses, for want of a lock, of time or of space, it has not done; the session goes on."""
    database = open_database(postgresql_url)
    closing(database.close)
    record = SqlDecisions(database)
    closing(record.close)
    async with database.write() as connection:
        await connection.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
        waiting = asyncio.create_task(record.commit(DECISION))
        await _until_one_waits(database)
        async with database.write() as other:
            await other.execute(text("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted"))
        with pytest.raises(Unavailable) as failed:
            await waiting
    assert failed.value.certain
    assert await record.count() == 0
    await record.commit(DECISION)
    assert await record.count() == 1


async def test_a_connection_lost_during_the_commit_is_uncertain(postgresql_url: str, closing: Closer) -> None:
    """When the connection is lost while COMMIT is under way, the caller may not believe that nothing was recorded."""
    database = open_database(postgresql_url)
    closing(database.close)
    record = SqlDecisions(database)
    closing(record.close)
    # A deferred trigger runs within COMMIT; this one waits there for a lock that the test holds.
    async with database.write() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER stall AFTER INSERT ON decisions DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION stall()"
            )
        )
    async with database.write() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        waiting = asyncio.create_task(record.commit(DECISION))
        await _until_one_waits(database)
        async with database.write() as other:
            await other.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"))
        with pytest.raises(Unavailable) as failed:
            await waiting
    assert not failed.value.certain


@pytest.fixture
async def own_server() -> AsyncIterator[servers.PostgresServer]:
    """A PostgreSQL of the test's own, migrated, to be hurt; it outlives what the test opened on it."""
    with servers.postgres() as server:
        await migrate(server.url())
        yield server


async def test_a_restarted_postgresql_is_found_again(own_server: servers.PostgresServer, closing: Closer) -> None:
    """After the server went down hard and came back, commits succeed without restarting the node."""
    database = open_database(own_server.url())
    closing(database.close)
    record = SqlDecisions(database)
    closing(record.close)
    await record.commit(decision(1))
    # As hard as SIGKILL for the data, but its sessions are gone too when this returns, not some time after.
    own_server.stop(SIGQUIT)
    with pytest.raises(Unavailable):
        await record.commit(decision(2))
    own_server.start()
    await record.commit(decision(3))
    assert await record.by_trace_id(decision(1).trace_id) is not None
    assert await record.by_trace_id(decision(3).trace_id) is not None


async def test_the_commit_waits_for_the_disk_whatever_the_default(postgresql_url: str, closing: Closer) -> None:
    """Decisions are committed durably on a database whose default is not to wait, and spends need not be."""
    database = open_database(postgresql_url)
    closing(database.close)
    name = postgresql_url.rpartition("/")[2]
    async with database.write() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    record = SqlDecisions(database)
    closing(record.close)
    await record.commit(DECISION)
    async with record._writer._held.use() as held:  # type: ignore[attr-defined]
        assert await held.fetchval("SHOW synchronous_commit") == "on"


async def test_batches_that_follow_each_other_leave_no_transaction_open(postgresql_url: str, closing: Closer) -> None:
    """Commits of one batch are seen while the next is written, and when none follows nothing stays open."""
    database = open_database(postgresql_url)
    closing(database.close)
    record = SqlDecisions(database)
    closing(record.close)

    async def commit_and_look(start: int) -> None:
        for number in range(start, start + 10):
            await record.commit(decision(number))
            assert await record.by_trace_id(decision(number).trace_id) is not None

    await asyncio.gather(*(commit_and_look(100 * start) for start in range(1, 9)))
    async with record._writer._held.use() as held:  # type: ignore[attr-defined]
        assert not held.is_in_transaction()
    assert await record.count() == 80


async def _until_one_waits(database: Database) -> None:
    """Return when some session of this database waits for a lock."""
    while True:
        async with database.read() as connection:
            waiting = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            if waiting.scalar_one():
                return
        await asyncio.sleep(0.01)
