"""P2: no token leaves before its decision is committed. Kill anything at any moment, and look."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from pathlib import Path

from tests.hostile.crowd import Crowd, held
from tests.support.authority import Authority, running
from tests.support.http import broken_promises, request
from tests.support.servers import postgres

ROUNDS = 2


def recorded(authority: Authority) -> set[str]:
    """The digests of all tokens on record."""
    rows = authority.registry.rows("SELECT token_sha256 FROM decisions WHERE outcome = 'issued'")
    return {str(row["token_sha256"]) for row in rows}


def test_every_token_that_a_client_holds_is_on_record_after_a_kill(mortal: Authority) -> None:
    """The node is killed under load, at moments that no one chose, and has given away nothing unrecorded."""
    client = mortal.registry.granted_client()
    tokens: set[str] = set()
    for round_ in range(ROUNDS):
        if round_:
            mortal.start()
        crowd = Crowd(mortal.port, client)
        crowd.wait_for_more(200, random.randint(1, 60))
        time.sleep(random.random() / 20)
        mortal.stop(signal.SIGKILL)
        tokens |= held(crowd.stop())
        assert tokens <= recorded(mortal)
    assert len(tokens) >= ROUNDS


def test_a_stopped_node_finishes_what_it_has_begun(mortal: Authority) -> None:
    """After SIGTERM under load the node ends by itself, and tokens on record and tokens held are the same set."""
    client = mortal.registry.granted_client()
    crowd = Crowd(mortal.port, client)
    crowd.wait_for_more(200, random.randint(1, 60))
    assert mortal.stop(signal.SIGTERM) == 0
    asked = crowd.stop()
    assert {each.status for each in asked} <= {200, 0}
    assert held(asked) == recorded(mortal)


def test_a_database_that_crashes_takes_no_record_with_it(tmp_path: Path) -> None:
    """PostgreSQL is killed under load: no token without record, 503 meanwhile, and tokens again without a restart."""
    with postgres() as server, running(tmp_path, database_url=server.create_database("authority")) as authority:
        client = authority.registry.granted_client()
        crowd = Crowd(authority.port, client)
        crowd.wait_for_more(200)
        server.kill()
        crowd.wait_for_more(503, 5)
        assert authority.post(client.form()).refusal == (503, "temporarily_unavailable", "AS-503")
        assert broken_promises(authority.post(client.form())) == []
        assert request(authority.management_port, "GET", "/readyz").status == 503
        assert request(authority.management_port, "GET", "/livez").status == 200
        server.start()
        crowd.wait_for_more(200)
        asked = crowd.stop()
        assert {each.status for each in asked} == {200, 503}
        assert held(asked) <= recorded(authority)
        assert authority.ready()
        # Whoever has something to say of it, the libraries included, says it in one JSON line.
        assert all(json.loads(line)["event"] for line in authority.log.splitlines())


def test_a_locked_database_is_503_and_never_two_tokens(tmp_path: Path) -> None:
    """When single use cannot be confirmed there is no token; the same body then gets one at most."""
    with running(tmp_path) as authority:
        client = authority.registry.granted_client()
        assert authority.token(client).status == 200
        form = client.form()
        blocker = sqlite3.connect(tmp_path / "authority.db", isolation_level=None)
        try:
            blocker.execute("BEGIN IMMEDIATE")
            answer = authority.post(form)
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()
        assert answer.refusal == (503, "temporarily_unavailable", "AS-503")
        assert broken_promises(answer) == []
        # It may have been spent while nobody could be told; then it stays spent.
        again = [authority.post(form) for _ in range(3)]
        assert [each.code or "issued" for each in again] in (["issued", "MP-012", "MP-012"], ["MP-012"] * 3)
        assert authority.token(client).status == 200


def test_without_a_table_to_write_to_there_is_no_token(tmp_path: Path) -> None:
    """A database that lacks a part is 503 in the form of every refusal, until the part is back."""
    with running(tmp_path) as authority:
        client = authority.registry.granted_client()
        for table in ("decisions", "spent_assertions", "policy_epoch"):
            assert authority.token(client).status == 200
            rename(tmp_path, table, "elsewhere")
            answer = authority.token(client)
            assert answer.refusal == (503, "temporarily_unavailable", "AS-503"), table
            assert broken_promises(answer) == []
            rename(tmp_path, "elsewhere", table)
        assert authority.token(client).status == 200


def rename(directory: Path, old: str, new: str) -> None:
    """Rename a table of the authority's SQLite file."""
    connection = sqlite3.connect(directory / "authority.db")
    connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()
