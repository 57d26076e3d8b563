"""What holds for every verb: one JSON document, one sentence, and an exit code that tells."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from authserver.cli import app
from tests.cli.conftest import CONSUMER, OWNER, SUPPLIER, Run, done, refused

# Verbs that run on, and so are tested where servers are.
RUNNING = {"serve", "demo"}
# Verbs that work before there is a database.
WITHOUT_DATABASE = {"init", "doctor", "settings", "delegation verify", "keys list", "keys rotate", "keys retire"}

BETWEEN = ("--consumer", CONSUMER, "--supplier", SUPPLIER)
ELSEWHERE = "https://register.example/"
ASKED = ("--purpose", "Maps", "--legal-basis", "§ 1")
# What is done before a verb, so that there is something for it to do; its document tells the id.
PREPARED = {
    "prefix approve": ["prefix", "request", "skole", CONSUMER, "--purpose", "x"],
    "prefix deny": ["prefix", "request", "barnehage", CONSUMER, "--purpose", "x"],
    "prefix withdraw": ["prefix", "request", "helse", CONSUMER, "--purpose", "x"],
    "access deny": ["access", "grant", "nav:read", CONSUMER],
    "request show": ["request", "add", "map:read", SUPPLIER, *ASKED],
    "request approve": ["request", "add", "map:read", CONSUMER, *ASKED],
    "request deny": ["request", "add", "nav:read", "971040238", *ASKED],
    "request withdraw": ["request", "add", "nav:read", OWNER, *ASKED],
    "delegation propose": [
        *("scope", "update", "nav:read", "--delegation-consent", "--redelegation-depth", "1"),
        *("--delegation-max-life", "3600", "--delegation-supplier", SUPPLIER, "--delegation-supplier", "971040238"),
    ],
    "delegation decline": ["delegation", "propose", "--consumer", OWNER, "--supplier", SUPPLIER, "--scope", "nav:read"],
    "webhook show": ["webhook", "add", CONSUMER, "https://shown.example.org/"],
    "webhook disable": ["webhook", "add", CONSUMER, "https://hook.example.org/"],
}

# Each verb with words that it does, in this order, on the authority of the fixture. {id} and {kid} come from before.
WORDS = {
    "init": [],
    "doctor": [],
    "settings": [],
    "org add": ["971040238", "Kartverket"],
    "org rename": ["971040238", "Mapping"],
    "org list": [],
    "org quota": ["971040238", "--clients", "50", "--defaults", "--reason", "why"],
    "org disable": ["971040238", "--reason", "why"],
    "org enable": ["971040238"],
    "prefix add": ["map", "971040238"],
    "prefix list": [],
    "prefix disable": ["map"],
    "prefix enable": ["map"],
    "prefix request": ["udir", CONSUMER, "--purpose", "Our APIs"],
    "prefix requests": ["--state", "REQUESTED", "--limit", "10"],
    "prefix approve": ["{id}", "--reason", "why"],
    "prefix deny": ["{id}", "--reason", "why"],
    "prefix withdraw": ["{id}", "--reason", "why"],
    "scope add": ["map:read", "--description", "Maps", "--audience", "https://maps.example/", "--max-age", "60"],
    "scope import": ["records.json", "--skip-faulty", "--delegable-here", "--owner-name", "991825827=Digdir"],
    "scope list": ["--prefix", "map"],
    "scope disable": ["map:read"],
    "scope enable": ["map:read"],
    "scope update": ["map:read", "--description", "Other maps", "--approval", "listed", "--approved-consumer", OWNER],
    "access grant": ["nav:read", CONSUMER],
    "access revoke": ["nav:read", CONSUMER],
    "access deny": ["nav:read", CONSUMER, "--reason", "why"],
    "request add": ["nav:read", SUPPLIER, *ASKED],
    "request list": ["--owner", OWNER, "--scope", "nav:read", "--state", "REQUESTED"],
    "request show": ["{id}"],
    "request approve": ["{id}"],
    "request deny": ["{id}", "--reason", "why"],
    "request withdraw": ["{id}"],
    "access list": ["--scope", "nav:read", "--consumer", CONSUMER],
    "client add": [
        "--org",
        CONSUMER,
        "--scope",
        "nav:read",
        "--client-id",
        "c1",
        "--name",
        "n",
        "--profile",
        "standard",
    ],
    "client list": ["--org", CONSUMER],
    "client show": ["c1"],
    "client update": ["c1", "--name", "m", "--scope", "nav:read", "--token-lifetime", "60", "--profile", ""],
    "client disable": ["c1"],
    "client enable": ["c1"],
    "client key add": ["c1", "--jwk", "key.json", "--kid", "k1", "--alg", "ES256"],
    "client key remove": ["c1", "k1"],
    "webhook add": [CONSUMER, "https://hook.example.org/", "--kind", "client"],
    "webhook list": ["--org", CONSUMER],
    "webhook show": ["{id}"],
    "webhook disable": ["{id}"],
    "webhook enable": ["{id}"],
    "webhook letters": ["{id}"],
    "webhook resend": ["{id}", "1", "--reason", "why"],
    "keys expiring": ["--days", "366", "--org", CONSUMER],
    "gym": ["nav:read", "--audience", "https://api.example.org/", "--out", "wrong.json", "--reason", "why"],
    "changes": ["--after", "3", "--org", CONSUMER, "--limit", "5"],
    "delegation add": ["--consumer", CONSUMER, "--supplier", SUPPLIER, "--scope", "nav:read"],
    "delegation list": ["--consumer", CONSUMER, "--supplier", SUPPLIER],
    "delegation revoke": ["{id}"],
    "delegation propose": [*BETWEEN, "--scope", "nav:read", "--by", CONSUMER, "--purpose", "x", "--mandate", "y"],
    "delegation show": ["{id}"],
    "delegation consent": ["{id}", "--owner", OWNER, "--mandate", "why"],
    "delegation accept": ["{id}", "--mandate", "why"],
    "delegation suspend": ["{id}", "--reason", "why"],
    "delegation resume": ["{id}"],
    "delegation statement": ["{id}", "--out", "statement.json"],
    "delegation verify": ["statement.json"],
    "delegation redelegate": ["{id}", "--supplier", "971040238", "--scope", "nav:read"],
    "delegation decline": ["{id}", "--reason", "why"],
    "package add": ["nav:all", "--title", "All of it", "--scope", "nav:read"],
    "package amend": ["nav:all", "--title", "Everything", "--scope", "nav:read"],
    "package list": ["--owner", OWNER],
    "package disable": ["nav:all"],
    "package enable": ["nav:all"],
    "source add": [ELSEWHERE, "--name", "Altinn", "--lookup-url", ELSEWHERE, "--token-scope", "altinn:delegations"],
    "source list": [],
    "source disable": [ELSEWHERE],
    "source enable": [ELSEWHERE],
    "delegation use": ["--consumer", CONSUMER],
    "delegation import": ["delegations.ndjson"],
    "delegation export": ["exported.csv"],
    "keys list": [],
    "keys rotate": ["--alg", "ES256"],
    "keys retire": ["{kid}"],
    "nodes": [],
    "backup": ["{id}.backup"],
    "restore": ["{id}.backup", "--replace", "--reason", "why"],
    "restored": ["--before", "{id}.backup"],
}
DELEGATION = json.dumps({"consumer_orgno": OWNER, "supplier_orgno": "971040238", "scopes": ["nav:read"]})
# Verbs whose document is a list.
LISTS = {
    "doctor",
    "nodes",
    "changes",
    "prefix requests",
    "keys expiring",
    "webhook letters",
    "delegation use",
    *(verb for verb in WORDS if verb.endswith("list")),
}
# Verbs that change the registry, and say since when that is in effect.
CHANGING = {
    verb
    for verb in WORDS
    if verb.split()[-1]
    in {
        "add",
        "rename",
        "update",
        "disable",
        "enable",
        "import",
        "grant",
        "revoke",
        "remove",
        "request",
        "approve",
        "deny",
        "withdraw",
        "propose",
        "accept",
        "decline",
        "consent",
        "suspend",
        "resume",
        "redelegate",
        "amend",
        "quota",
        "resend",
    }
} | {"restore", "restored"}


def verbs() -> dict[str, TyperCommand]:
    """Return every verb by the words that call it."""
    found: dict[str, TyperCommand] = {}

    def walk(group: TyperGroup, path: str) -> None:
        for word, command in group.commands.items():
            if isinstance(command, TyperGroup):
                walk(command, f"{path}{word} ")
            elif isinstance(command, TyperCommand):
                found[f"{path}{word}"] = command

    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    walk(root, "")
    return found


def prepared(authority: Run, verb: str) -> dict[str, str]:
    """Do what a verb needs done before, and return the id of what that made."""
    if verb not in PREPARED:
        return {}
    document = done(authority(*PREPARED[verb], "--json")).document
    return {"id": document["id"]} if "id" in document else {}


def give_up(directory: Path, webhook_id: str) -> None:
    """Let a webhook have a dead letter, which takes a day otherwise."""
    with closing(sqlite3.connect(directory / "var" / "authserver.db")) as database, database:
        database.execute("INSERT INTO webhook_dead_letters VALUES (?, 1, 1, 'status 410')", (webhook_id,))


def test_this_page_knows_every_verb() -> None:
    """A new verb must be added to the words above, so that the promises below hold for it too."""
    assert set(WORDS) == set(verbs()) - RUNNING


def test_every_verb_prints_one_document_with_json(authority: Run, tmp_path: Path) -> None:
    """From init to keys retire, each verb that is done prints exactly one JSON document and nothing else."""
    (tmp_path / "records.json").write_text(json.dumps([{"name": "altinn:a", "owner_orgno": "991825827"}, 1]))
    (tmp_path / "delegations.ndjson").write_text(DELEGATION)
    known: dict[str, str] = {}
    for verb, words in WORDS.items():
        known |= prepared(authority, verb)
        if verb == "webhook letters":
            give_up(tmp_path, known["id"])
        ran = done(authority(*verb.split(), *(word.format(**known) for word in words), "--json"))
        document = ran.document
        assert ran.err == "", verb
        assert isinstance(document, list if verb in LISTS else dict), verb
        if isinstance(document, dict):
            assert ({"epoch", "effective_at"} <= document.keys()) is (verb in CHANGING), verb
            known |= {name: str(document[name]) for name in ("id", "kid") if name in document}


def test_every_verb_speaks_to_people_without_json(authority: Run, tmp_path: Path) -> None:
    """The same words without --json give sentences and tables, no JSON and no escape codes."""
    (tmp_path / "records.json").write_text(json.dumps([{"name": "altinn:a", "owner_orgno": "991825827"}]))
    (tmp_path / "delegations.ndjson").write_text(DELEGATION)
    known: dict[str, str] = {}
    for verb, words in WORDS.items():
        if verb in ("delegation revoke", "delegation show"):
            records = authority("delegation", "list", "--json").document
            known["id"] = next(record["id"] for record in records if record["status"] != "revoked")
        if verb == "keys retire":
            keys = authority("keys", "list", "--json").document
            known["kid"] = next(key["kid"] for key in keys if key["state"] == "announced")
        known |= prepared(authority, verb)
        if verb == "webhook letters":
            give_up(tmp_path, known["id"])
        ran = done(authority(*verb.split(), *(word.format(**known) for word in words)))
        assert ran.out.strip(), verb
        assert "\x1b" not in ran.out, verb
        assert not ran.out.startswith(("{", "[")), verb
        assert ("Effective since" in ran.out) is (verb in CHANGING), verb


@pytest.mark.parametrize("verb", [verb for verb in WORDS if verb not in WITHOUT_DATABASE])
def test_without_a_database_a_verb_says_what_to_do(run: Run, tmp_path: Path, verb: str) -> None:
    """Before init every verb is refused in one sentence that names the way out, in JSON with the four members."""
    (tmp_path / "records.json").write_text("[]")
    (tmp_path / "delegations.ndjson").write_text("")
    (tmp_path / "key.json").write_text("{}")
    words = [*verb.split(), *(word.format(id="x", kid="x") for word in WORDS[verb])]
    assert "authserver init" in refused(run(*words))
    ran = run(*words, "--json")
    assert (ran.code, ran.err, set(ran.document)) == (1, "", {"error", "code", "reason", "sentence"})


@pytest.mark.parametrize("verb", list(WORDS))
def test_faulty_settings_are_told_all_at_once(run: Run, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """Whatever the verb, wrong settings are refused in one answer that names each of them."""
    monkeypatch.setenv("AUTHSERVER_PORT", "x")
    monkeypatch.setenv("AUTHSERVER_PROFILE", "other")
    ran = run(*verb.split(), *(word.format(id="x", kid="x") for word in WORDS[verb]), "--json")
    assert ran.code == 1
    assert isinstance(ran.document, list if verb == "doctor" else dict)
    assert "AUTHSERVER_PORT" in ran.out
    assert "AUTHSERVER_PROFILE" in ran.out


@pytest.mark.parametrize("verb", list(WORDS))
def test_wrong_use_exits_with_two(run: Run, verb: str) -> None:
    """An option that does not exist is wrong use: exit code 2, nothing on stdout."""
    ran = run(*verb.split(), *WORDS[verb], "--no-such-option")
    assert (ran.code, ran.out) == (2, "")


def test_an_owner_prefix_and_scope_survive_in_lists(authority: Run) -> None:
    """Lists name every record in full, also when the output is no terminal."""
    out = done(authority("scope", "list")).out
    assert "nav:read" in out
    assert OWNER in out
    assert "http://localhost:8080/" in out
