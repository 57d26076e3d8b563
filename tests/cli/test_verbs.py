"""What single verbs do, refuse and show."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.cli.conftest import CONSUMER, KEY, OWNER, SUPPLIER, Run, done, refused

CATALOGUE = Path(__file__).parents[2] / "authserver/cli/data/altinn-scopes.json"


def test_init_twice_makes_no_second_keys(run: Run) -> None:
    """The first run makes one key for each algorithm, the second makes none and leaves them."""
    first = done(run("init", "--json")).document
    second = done(run("init", "--json")).document
    assert (len(first["keys_made"]), second["keys_made"]) == (2, [])
    assert {key["alg"] for key in first["keys"]} == {"RS256", "ES256"}
    assert second["keys"] == first["keys"]


def test_a_refusal_is_a_sentence_or_a_document(authority: Run) -> None:
    """The same refusal is one sentence for people and four members for programs."""
    sentence = refused(authority("org", "add", OWNER, "Again"))
    assert sentence == f"The organisation {OWNER} is registered already."
    ran = authority("org", "add", OWNER, "Again", "--json")
    assert (ran.code, ran.document) == (
        1,
        {"error": "conflict", "code": "AS-409", "reason": "conflict", "sentence": sentence},
    )


def test_the_real_catalogue_is_imported_twice(authority: Run) -> None:
    """The catalogue that comes with the program is imported whole; the second run changes nothing."""
    words = ("scope", "import", str(CATALOGUE), "--delegable-here", "--owner-name", "991825827=Digdir", "--json")
    first, second = done(authority(*words)).document, done(authority(*words)).document
    assert (first["scopes_added"], first["organisations_added"], first["faults"]) == (65, 1, [])
    assert (second["scopes_added"], second["scopes_changed"], second["scopes_unchanged"]) == (0, 0, 65)
    delegable = [row for row in authority("scope", "list", "--json").document if row["delegation_source"]]
    assert {row["delegation_source"] for row in delegable} == {"http://localhost:8080/"}
    assert len(delegable) == 5


def test_a_faulty_import_names_each_record(authority: Run, tmp_path: Path) -> None:
    """Nothing is imported, the exit code is 1, and each fault is told by index; skipping imports the rest."""
    file = tmp_path / "records.json"
    file.write_text(json.dumps([{"name": "nav:new", "owner_orgno": OWNER}, {"name": "nav:x", "owner_orgno": "1"}, 7]))
    ran = authority("scope", "import", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert [line.partition(":")[0] for line in ran.err.splitlines()[1:]] == ["record 1 (nav", "record 2"]
    document = authority("scope", "import", str(file), "--json").document
    assert (document["error"], document["scopes_added"]) == ("invalid_request", 0)
    assert [fault["index"] for fault in document["faults"]] == [1, 2]
    assert len(authority("scope", "list", "--prefix", "nav", "--json").document) == 1
    skipped = done(authority("scope", "import", str(file), "--skip-faulty"))
    assert "1 of 3 records" in skipped.out
    assert len(skipped.err.splitlines()) == 2
    assert len(authority("scope", "list", "--prefix", "nav", "--json").document) == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 50_000])
def test_a_file_that_holds_no_records_is_refused(authority: Run, tmp_path: Path, content: bytes) -> None:
    """A broken file gives one sentence, not a stack."""
    (tmp_path / "records.json").write_bytes(content)
    refused(authority("scope", "import", "records.json"))


def test_a_missing_file_is_refused(authority: Run) -> None:
    """A file that is not there is named in the refusal."""
    assert "nowhere.json" in refused(authority("scope", "import", "nowhere.json"))
    assert "nowhere.json" in refused(authority("client", "key", "add", "c1", "--jwk", "nowhere.json"))


def test_owner_names_are_pairs(authority: Run) -> None:
    """An owner name without a number is wrong use."""
    assert authority("scope", "import", str(CATALOGUE), "--owner-name", "Digdir").code == 2


def test_a_client_is_registered_with_its_key(authority: Run) -> None:
    """One verb makes the client and its key; without an id a new one is made up each time."""
    words = ("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--json")
    first = done(authority(*words, "--jwk", "key.json", "--kid", "mine")).document
    second = done(authority(*words)).document
    assert first["client_id"] != second["client_id"]
    assert [key["kid"] for key in first["keys"]] == ["mine"]
    del first["epoch"], first["effective_at"]
    assert authority("client", "show", first["client_id"], "--json").document == first


def test_a_private_key_is_never_registered(authority: Run, tmp_path: Path) -> None:
    """A JWK with its private half is refused, and nothing of it is shown or kept."""
    (tmp_path / "private.json").write_text(json.dumps({**KEY, "d": "c2VjcmV0"}))
    ran = authority("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--jwk", "private.json")
    assert "private" in refused(ran)
    assert "c2VjcmV0" not in ran.err
    assert authority("client", "list", "--json").document == []


@pytest.mark.parametrize(
    "content", ["", "[]", '{"keys": []}', '{"keys": [{}, {}]}', '{"keys": 1}', '{"a": 1, "a": 2}', "\x00", '"\\ud800"']
)
def test_a_file_that_holds_no_key_is_refused(authority: Run, tmp_path: Path, content: str) -> None:
    """A broken key file gives one sentence, as a JWK and as PEM."""
    done(authority("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--client-id", "c1"))
    (tmp_path / "broken").write_text(content)
    refused(authority("client", "key", "add", "c1", "--jwk", "broken"))
    refused(authority("client", "key", "add", "c1", "--pem", "broken"))


def test_a_key_set_of_one_is_a_key(authority: Run, tmp_path: Path) -> None:
    """A JWK Set with one key may be given where a JWK is wanted, and the key's end in ISO 8601."""
    (tmp_path / "set.json").write_text(json.dumps({"keys": [KEY]}))
    done(authority("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--client-id", "c1"))
    key = done(authority("client", "key", "add", "c1", "--jwk", "set.json", "--json")).document
    assert (key["kid"], key["jwk"]["x"]) == ("example", KEY["x"])
    too_late = authority("client", "key", "add", "c1", "--jwk", "set.json", "--expires", "2999-01-01")
    assert "a year" in refused(too_late)
    assert authority("client", "key", "add", "c1", "--jwk", "set.json", "--expires", "soon").code == 2


def test_an_example_key_is_refused_outside_dev(authority: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dev takes for demonstration, test refuses, and the doctor finds what dev let in."""
    words = ("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--jwk", "key.json")
    monkeypatch.setenv("AUTHSERVER_ENVIRONMENT", "test")
    assert "example key" in refused(authority(*words))
    monkeypatch.setenv("AUTHSERVER_ENVIRONMENT", "dev")
    done(authority(*words, "--client-id", "c1"))
    done(authority("doctor"))
    monkeypatch.setenv("AUTHSERVER_ENVIRONMENT", "test")
    ran = authority("doctor", "--json")
    failed = [check for check in ran.document if check["state"] == "fail"]
    assert (ran.code, [check["check"] for check in failed]) == (1, ["example keys"])
    assert "c1" in failed[0]["sentence"]


@pytest.mark.parametrize(
    "words",
    [
        ("client", "key", "add", "c1"),
        ("client", "key", "add", "c1", "--jwk", "a", "--pem", "b"),
        ("client", "add", "--org", CONSUMER, "--scope", "nav:read", "--kid", "k"),
        ("client", "add", "--org", CONSUMER),
        ("delegation", "add", "--consumer", CONSUMER, "--supplier", SUPPLIER),
        ("keys", "rotate", "--alg", "ES256", "--activate-in", "soon"),
        ("org",),
        ("nothing",),
    ],
)
def test_words_that_make_no_sense_are_wrong_use(authority: Run, words: tuple[str, ...]) -> None:
    """Missing and contradicting words are told before anything is opened, with exit code 2."""
    assert authority(*words).code == 2


def test_a_delegation_ends_when_told(authority: Run) -> None:
    """The end may be a date or a time with an offset, and lies within ten years."""
    words = ("delegation", "add", "--consumer", CONSUMER, "--supplier", SUPPLIER, "--scope", "nav:read", "--valid-to")
    assert authority(*words, "tomorrow").code == 2
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=30)
    noon_further_east = (day + timedelta(hours=12)).replace(tzinfo=timezone(timedelta(hours=2)))
    made = done(authority(*words, noon_further_east.isoformat(), "--json")).document
    assert made["valid_to"] == int(day.timestamp()) + 10 * 3600
    done(authority("delegation", "revoke", made["id"]))
    assert done(authority(*words, day.date().isoformat(), "--json")).document["valid_to"] == int(day.timestamp())
    assert "ten years" in refused(authority(*words, "2999-01-01"))


def test_the_doctor_fails_until_all_is_in_place(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before init the doctor fails on database and keys, after it nothing; loose modes and a dead Redis are found."""
    states = {check["check"]: check["state"] for check in run("doctor", "--json").document}
    assert (states["database"], states["signing keys"]) == ("fail", "fail")
    assert run("doctor").code == 1
    done(run("init"))
    assert {check["state"] for check in done(run("doctor", "--json")).document} == {"ok"}
    (tmp_path / "var/keys").chmod(0o750)
    warned = {check["check"]: check["state"] for check in done(run("doctor", "--json")).document}
    assert warned["key directory"] == "warn"
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", "redis://127.0.0.1:1/0")
    assert [check["check"] for check in run("doctor", "--json").document if check["state"] == "fail"] == ["redis"]
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", "file:///x")
    assert [check["check"] for check in run("doctor", "--json").document if check["state"] == "fail"] == ["redis"]


def test_the_doctor_finds_a_missing_signing_key(run: Run, tmp_path: Path) -> None:
    """An algorithm without a key, and a key file that others can read, are failures."""
    done(run("init"))
    keys = {key["alg"]: tmp_path / "var/keys" / f"{key['kid']}.json" for key in run("keys", "list", "--json").document}
    keys["ES256"].unlink()
    found = [check["check"] for check in run("doctor", "--json").document if check["state"] == "fail"]
    assert found == ["signing key ES256"]
    keys["RS256"].chmod(0o644)
    found = [check["check"] for check in run("doctor", "--json").document if check["state"] == "fail"]
    assert found == ["signing keys"]
    assert "600" in refused(run("keys", "list"))


def test_plain_http_is_refused_in_prod_and_warned_of_in_test(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer must be https in prod; the doctor says so without a stack."""
    done(run("init"))
    monkeypatch.setenv("AUTHSERVER_ENVIRONMENT", "test")
    assert {check["check"] for check in run("doctor", "--json").document if check["state"] == "warn"} == {"issuer"}
    monkeypatch.setenv("AUTHSERVER_ENVIRONMENT", "prod")
    (settings,) = run("doctor", "--json").document
    assert (settings["check"], settings["state"]) == ("settings", "fail")
    assert "https" in settings["sentence"]


def test_settings_never_show_a_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords in the database and Redis URLs are masked, wherever in the URL they stand."""
    monkeypatch.setenv("AUTHSERVER_DATABASE_URL", "postgresql://user:s3cr@t@db/x?password=s3cret2&sslmode=require")
    monkeypatch.setenv("AUTHSERVER_REDIS_URL", "rediss://:s3cret3@cache:6379/0?sentinel_password=s3cret4")
    ran = done(run("settings", "--json"))
    assert "s3cr" not in ran.out
    assert ran.document["database_url"] == "postgresql://user:***@db/x?password=***&sslmode=require"
    assert ran.document["redis_url"] == "rediss://:***@cache:6379/0?sentinel_password=***"


def test_a_database_that_is_none_is_a_settings_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL of another kind, and a server that does not answer, are told in a sentence."""
    monkeypatch.setenv("AUTHSERVER_DATABASE_URL", "mysql://db/x")
    assert "AUTHSERVER_DATABASE_URL" in refused(run("org", "list"))
    assert "AUTHSERVER_DATABASE_URL" in refused(run("init"))
    monkeypatch.setenv("AUTHSERVER_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    assert "does not answer" in refused(run("org", "list"))
    assert "does not answer" in refused(run("init"))


def test_rotation_announces_and_retirement_withdraws(authority: Run) -> None:
    """A rotated key is announced first; the one that signs cannot be retired, the announced one can."""
    new = done(authority("keys", "rotate", "--alg", "RS256", "--json")).document
    assert new["state"] == "announced"
    signing = next(
        key["kid"]
        for key in authority("keys", "list", "--json").document
        if (key["alg"], key["state"]) == ("RS256", "active")
    )
    refused(authority("keys", "retire", signing))
    assert done(authority("keys", "retire", new["kid"], "--json")).document["state"] == "removed"
    refused(authority("keys", "rotate", "--alg", "none"))


def test_a_key_id_may_begin_with_a_hyphen(authority: Run) -> None:
    """A thumbprint that begins with a hyphen names a key and is not taken for an option."""
    assert "key" in refused(authority("keys", "retire", "-1kJ8sdf"))
    assert "client" in refused(authority("client", "key", "remove", "nobody", "-1kJ8sdf"))


def test_the_change_log_names_the_operator(authority: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A change made through sudo is logged under the person who called, with the reason given."""
    import sqlite3
    from contextlib import closing

    monkeypatch.setenv("SUDO_USER", "kari")
    done(authority("scope", "disable", "nav:read", "--reason", "leak"))
    with closing(sqlite3.connect(tmp_path / "var/authserver.db")) as database:
        last = database.execute(
            "SELECT actor_kind, actor_person, reason FROM registry_changes ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    assert last == ("operator", "kari", "leak")


def process(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the command line as a process of its own, in an empty directory and with the default settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVER_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "authserver", *words]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)


def test_a_process_answers_as_the_tests_in_process_do(tmp_path: Path) -> None:
    """As a program: exit codes, one document on stdout, one sentence on stderr, and defaults that need no setting."""
    before = process(tmp_path, "org", "list")
    assert (before.returncode, before.stdout, before.stderr.count(b"\n")) == (1, b"", 1)
    assert process(tmp_path, "init").returncode == 0
    added = process(tmp_path, "org", "add", OWNER, "Økern Ægir", "--json")
    document = json.loads(added.stdout)
    assert {name: document[name] for name in ("orgno", "name", "active", "epoch")} == {
        "orgno": OWNER,
        "name": "Økern Ægir",
        "active": True,
        # The first changes are the registrations of the scopes of our own APIs, by init.
        "epoch": 3,
    }
    again = process(tmp_path, "org", "add", OWNER, "x", "--json")
    assert (again.returncode, json.loads(again.stdout)["code"], again.stderr) == (1, "AS-409", b"")
    assert process(tmp_path, "org", "list", "--nonsense").returncode == 2
    assert stat_mode(tmp_path / "var/keys") == 0o700


def test_words_that_are_no_text_are_refused(authority: Run) -> None:
    """Bytes that are no UTF-8 in an argument give a sentence, not a stack."""
    for words in (("client", "show", "\udcff"), ("org", "rename", OWNER, "\udcff"), ("delegation", "revoke", "\udcff")):
        refused(authority(*words))


def test_a_long_import_shows_its_progress_on_a_terminal(authority: Run, tmp_path: Path) -> None:
    """A terminal on stderr sees a bar; stdout still holds exactly one document."""
    records = [{"name": f"nav:a{number}", "owner_orgno": OWNER} for number in range(250)]
    (tmp_path / "records.json").write_text(json.dumps(records))
    controller, terminal = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    command = [sys.executable, "-m", "authserver", "scope", "import", "records.json", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=terminal) as running:
        os.close(terminal)
        shown = read_all(controller)
        assert running.stdout is not None
        document = json.loads(running.stdout.read())
    os.close(controller)
    assert (document["scopes_added"], b"Importing" in shown) == (250, True)


def read_all(controller: int) -> bytes:
    """Return what was written to a terminal until it was closed."""
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:  # how Linux tells that nobody has the terminal open any more
        pass
    return shown


def stat_mode(path: Path) -> int:
    """Return the permission bits of a path."""
    return path.stat().st_mode & 0o777
