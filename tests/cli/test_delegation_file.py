"""Delegations from files and to files: what was exported can be imported, and every fault has its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CONSUMER, OWNER, SUPPLIER, Run, done

HEAD = "consumer_orgno,supplier_orgno,scopes,valid_to,purpose\n"
ROW = {"consumer_orgno": CONSUMER, "supplier_orgno": SUPPLIER, "scopes": ["nav:read"]}


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_what_was_exported_is_imported_by_another(authority: Run, tmp_path: Path, form: str) -> None:
    """An export, imported where it came from, is all there; once revoked, it is given anew with its purpose and end."""
    words = (
        "--consumer",
        CONSUMER,
        "--supplier",
        SUPPLIER,
        "--scope",
        "nav:read",
        "--valid-to",
        "2030-12-31T12:00:00Z",
    )
    first = done(authority("delegation", "add", *words, "--json")).document
    file = f"out.{form}"
    assert done(authority("delegation", "export", file, "--json")).document["delegations"] == 1
    again = done(authority("delegation", "import", file, "--json")).document
    assert (again["added"], again["present"], again["epoch"]) == (0, 1, None)
    done(authority("delegation", "revoke", first["id"]))
    anew = done(authority("delegation", "import", file, "--json")).document
    assert (anew["added"], anew["present"], anew["faults"]) == (1, 0, [])
    found = done(authority("delegation", "list", "--json")).document
    (active,) = [each for each in found if each["status"] == "active"]
    assert (active["valid_to"], active["scopes"]) == (first["valid_to"], ["nav:read"])
    assert active["id"] != first["id"]


def test_every_faulty_line_of_a_csv_is_listed(authority: Run, tmp_path: Path) -> None:
    """Faults go to stderr with the line numbers of an editor; the good line is given, and the exit code is 1."""
    rows = [
        f"{CONSUMER},{SUPPLIER},nav:read,2030-12-31,books",
        f"{OWNER},{SUPPLIER},nav:nothing,,",
        f"{OWNER},{SUPPLIER},nav:read,soon,",
        f"{OWNER},{SUPPLIER}",
    ]
    (tmp_path / "in.csv").write_text(HEAD + "\n".join(rows) + "\n")
    rehearsed = authority("delegation", "import", "in.csv", "--dry-run")
    assert (rehearsed.code, rehearsed.out) == (1, "")
    assert done(authority("delegation", "list", "--json")).document == []
    ran = authority("delegation", "import", "in.csv")
    assert ran.code == 1
    assert [line.partition(":")[0] for line in ran.err.splitlines()[1:]] == ["line 3", "line 4", "line 5"]
    assert len(done(authority("delegation", "list", "--json")).document) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[]", "strict JSON"),
        ('{"consumer_orgno":"1","consumer_orgno":"2"}', "strict JSON"),
        (json.dumps({**ROW, "scope": "nav:read"}), "'scope'"),
        (json.dumps({**ROW, "scopes": 7}), "list of texts"),
        (json.dumps({**ROW, "supplier_orgno": 958935420}), "neither text"),
        (json.dumps({**ROW, "valid_to": True}), "end"),
        (json.dumps({**ROW, "status": "revoked"}), "active"),
        (json.dumps({**ROW, "delegator_orgno": OWNER}), "re-delegation"),
        (json.dumps({**ROW, "purpose": "x" * 70_000}), "too long"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(authority: Run, tmp_path: Path, line: str, says: str) -> None:
    """A line that is no delegation is a fault of that line alone."""
    (tmp_path / "in.ndjson").write_text(f"{line}\n\n{json.dumps(ROW)}\n")
    ran = authority("delegation", "import", "in.ndjson", "--json")
    assert ran.code == 1
    ((fault),) = ran.document["faults"]
    assert fault["line"] == 1
    assert says in fault["sentence"]
    assert ran.document["added"] == 1


@pytest.mark.parametrize(
    ("file", "content"),
    [("in.csv", "consumer,supplier\n"), ("in.csv", f"{HEAD}\xff".encode("latin-1")), ("none.csv", None)],
)
def test_a_file_that_cannot_be_read_is_refused(
    authority: Run, tmp_path: Path, file: str, content: str | bytes | None
) -> None:
    """Unknown headings, bytes that are no UTF-8 and a file that is not there are one refusal."""
    if content is not None:
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = authority("delegation", "import", file, "--json")
    assert (ran.code, ran.document["code"]) == (1, "AS-603")


def test_a_file_of_no_known_form_is_wrong_use(authority: Run, tmp_path: Path) -> None:
    """Neither the name nor --format says what the file is."""
    (tmp_path / "in.txt").write_text("")
    assert authority("delegation", "import", "in.txt").code == 2
    assert done(authority("delegation", "import", "in.txt", "--format", "ndjson", "--json")).document["lines"] == 0


def test_use_is_asked_for_one_thing_at_a_time(authority: Run) -> None:
    """An id, or one of three organisations; one delegation shows that nothing was done with it yet."""
    words = ("--consumer", CONSUMER, "--supplier", SUPPLIER, "--scope", "nav:read", "--json")
    made = done(authority("delegation", "add", *words)).document
    assert authority("delegation", "use").code == 1
    assert authority("delegation", "use", made["id"], "--owner", OWNER).code == 1
    alone = done(authority("delegation", "use", made["id"], "--json")).document
    assert (alone["tokens"], alone["first_use"], alone["days"]) == (0, None, {})
    for role, orgno in (("--consumer", CONSUMER), ("--supplier", SUPPLIER), ("--owner", OWNER)):
        assert done(authority("delegation", "use", role, orgno, "--json")).document == [alone]
