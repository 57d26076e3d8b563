"""Since when a change is in effect, who follows it, and what a verb says when not everybody can be told."""

import asyncio
import time
from pathlib import Path

import pytest

from authserver.storage.database import open_database
from authserver.storage.nodes import SqlNodes
from authserver.storage.registry_store import SqlRegistryStore
from tests.cli.conftest import CONSUMER, OWNER, Run, done, refused

GRANT, REVOKE = ("access", "grant", "nav:read", CONSUMER), ("access", "revoke", "nav:read", CONSUMER)
NOBODY = "redis://127.0.0.1:1/0"


def test_a_change_says_since_when_it_is_effective(authority: Run) -> None:
    """Each change makes the next epoch, and the second named is not before the change and not long after the answer."""
    begun = time.time()
    granted, revoked = done(authority(*GRANT, "--json")).document, done(authority(*REVOKE, "--json")).document
    assert revoked["epoch"] == granted["epoch"] + 1
    assert begun <= granted["effective_at"] <= revoked["effective_at"] < time.time() + 1


def test_what_changes_nothing_is_effective_since_nobody_knows_when(authority: Run) -> None:
    """Done again, a verb tells that nothing was changed, to programs with null."""
    done(authority(*GRANT))
    again = done(authority(*GRANT, "--json")).document
    assert (again["state"], again["epoch"], again["effective_at"]) == ("APPROVED", None, None)
    assert "Nothing had to be changed." in done(authority(*GRANT)).out


def test_a_change_that_redis_cannot_be_told_of_is_stored(authority: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """When Redis does not answer the verb exits 1, and says that the change stands but is not known to every node."""
    done(authority(*GRANT))
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", NOBODY)
    ran = authority(*REVOKE, "--json")
    assert (ran.code, ran.document["code"], ran.document["error"]) == (1, "AS-606", "not_announced")
    assert "stored" in ran.document["sentence"]
    monkeypatch.delenv("AUTHSERVER_REDIS_URL")
    assert done(authority("access", "list", "--json")).document[0]["state"] == "DENIED"


def test_a_change_done_again_is_announced_again(authority: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb that finds its change stored already still answers only when every node was told of it."""
    done(authority(*GRANT))
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", NOBODY)
    assert "not every node" in refused(authority(*REVOKE))
    assert "not every node" in refused(authority(*REVOKE))


def test_nodes_are_listed_with_their_lag(authority: Run, tmp_path: Path) -> None:
    """Each node is told with its epoch, the epochs it has yet to follow, and when it spoke last."""
    now = int(time.time())

    async def beat() -> int:
        database = open_database(f"sqlite:///{tmp_path}/var/authserver.db")
        latest = await SqlRegistryStore(database).epoch()
        for node, epoch in (("b:1", latest - 4), ("a:1", latest)):
            await SqlNodes(database).beat(node, "1.0", epoch, now)
        await database.close()
        return latest

    assert "No node" in done(authority("nodes")).out
    latest = asyncio.run(beat())
    first, second = done(authority("nodes", "--json")).document
    assert first == {"node": "a:1", "version": "1.0", "epoch": latest, "seen_at": now, "lag": 0}
    assert (second["node"], second["lag"]) == ("b:1", 4)
    assert "b:1" in done(authority("nodes")).out


def test_a_restore_says_what_is_open_again(authority: Run, tmp_path: Path) -> None:
    """What was revoked after the backup is listed loudly, the record stays, and the backup file is not touched."""
    done(authority(*GRANT))
    made = done(authority("backup", "file", "--json")).document
    kept = (tmp_path / "file").read_bytes()
    done(authority(*REVOKE))
    done(authority("org", "rename", OWNER, "Another"))
    done(authority("org", "add", "971040238", "Kartverket"))
    report = done(authority("restore", "file", "--replace", "--json")).document
    assert report["open_again"] == [{"what": "access", "id": f"nav:read {CONSUMER}", "part": ""}]
    assert report["shut_again"] == [{"what": "organisation", "id": "971040238", "part": ""}]
    assert report["changed"] == [{"what": "organisation", "id": OWNER, "part": ""}]
    assert (report["compared"], report["epoch_restored"]) == (True, made["epoch"])
    assert report["effective_at"] < report["paused_until"]
    assert report["epoch"] > made["epoch"] + 3
    done(authority(*REVOKE))
    out = done(authority("restore", "file", "--replace")).out
    assert f"nav:read {CONSUMER}" in out.partition("OPEN AGAIN")[2]
    assert "No token is issued until" in out
    assert (tmp_path / "file").read_bytes() == kept


def test_a_restore_into_nothing_says_that_it_could_not_compare(authority: Run, tmp_path: Path) -> None:
    """Without a registry to compare with, the operator is told so; a later backup can be compared with by hand."""
    done(authority(*GRANT))
    done(authority("backup", "early"))
    done(authority(*REVOKE))
    done(authority("backup", "late"))
    (tmp_path / "var/authserver.db").unlink()
    done(authority("init"))
    out = done(authority("restore", "early")).out
    assert "nothing to compare with" in out
    assert done(authority("access", "list", "--json")).document[0]["state"] == "APPROVED"
    report = done(authority("restored", "--before", "late", "--json")).document
    assert report["open_again"] == [{"what": "access", "id": f"nav:read {CONSUMER}", "part": ""}]
    assert "allows what it allowed before" in done(authority("restored", "--before", "early")).out


def test_a_registry_is_not_replaced_by_accident(authority: Run) -> None:
    """Without --replace a registry that is there is left alone, and a file that is there is never overwritten."""
    done(authority("backup", "file"))
    assert "--replace" in refused(authority("restore", "file"))
    assert "exists" in refused(authority("backup", "file"))


def test_a_backup_is_its_owners_alone(authority: Run, tmp_path: Path) -> None:
    """The file can be read by nobody else, and nothing else is left beside it."""
    before = set(tmp_path.iterdir())
    done(authority("backup", "file"))
    assert set(tmp_path.iterdir()) - before == {tmp_path / "file"}
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("file", ["nowhere", "key.json"])
def test_a_file_that_is_no_backup_changes_nothing(authority: Run, file: str) -> None:
    """A file that is not there, or holds something else, is refused in a sentence."""
    refused(authority("restore", file, "--replace"))
    assert done(authority("org", "rename", OWNER, "Again", "--json")).document["epoch"] < 100


def test_nothing_is_restored_while_redis_is_silent(authority: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The highest epoch that Redis has announced must be known first, so its silence refuses the restore."""
    done(authority("backup", "file"))
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", NOBODY)
    assert "does not answer" in refused(authority("restore", "file", "--replace"))
    monkeypatch.delenv("AUTHSERVER_REDIS_URL")
    assert done(authority("org", "rename", OWNER, "Again", "--json")).document["epoch"] < 100
