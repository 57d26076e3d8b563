"""What the admin API can do for requests, prefixes and webhooks, the operator's command line can do too."""

import pytest

from tests.cli.conftest import CONSUMER, OWNER, SUPPLIER, Run, done

ASKED = ("--purpose", "Maps", "--legal-basis", "§ 1")


def test_requests_are_listed_by_who_made_them(authority: Run) -> None:
    """`--consumer` shows what one organisation asked for; with `--owner` beside it, the words contradict each other."""
    for consumer in (CONSUMER, SUPPLIER):
        done(authority("request", "add", "nav:read", consumer, *ASKED))
    made = done(authority("request", "list", "--consumer", SUPPLIER, "--json")).document
    assert [request["consumer_orgno"] for request in made] == [SUPPLIER]
    assert len(done(authority("request", "list", "--owner", OWNER, "--json")).document) == 2
    assert authority("request", "list", "--owner", OWNER, "--consumer", SUPPLIER).code == 2


def test_prefix_requests_are_listed_by_organisation(authority: Run) -> None:
    """`--org` shows what one organisation asked for."""
    for prefix, orgno in (("udir", CONSUMER), ("helse", SUPPLIER)):
        done(authority("prefix", "request", prefix, orgno, "--purpose", "APIs"))
    asked = done(authority("prefix", "requests", "--org", SUPPLIER, "--json")).document
    assert [request["prefix"] for request in asked] == ["helse"]


def test_a_webhook_is_shown_without_its_secret(authority: Run) -> None:
    """The secret is told when the webhook is registered, and never again."""
    made = done(authority("webhook", "add", CONSUMER, "https://hook.example.org/", "--json")).document
    shown = done(authority("webhook", "show", made["id"], "--json")).document
    assert (shown["id"], shown["url"], shown["active"]) == (made["id"], "https://hook.example.org/", True)
    assert made["secret"] not in str(shown)
    assert "secret" not in shown


@pytest.mark.parametrize(
    "words",
    [
        ("request", "add", "nav:read", CONSUMER, *ASKED),
        ("prefix", "request", "udir", CONSUMER, "--purpose", "APIs"),
        ("prefix", "add", "udir", CONSUMER),
        ("webhook", "add", CONSUMER, "https://hook.example.org/"),
    ],
    ids=" ".join,
)
def test_why_something_was_made_is_in_the_change_log(authority: Run, words: tuple[str, ...]) -> None:
    """`--reason` of a verb that makes something is the reason of the change."""
    done(authority(*words, "--reason", "The council decided"))
    log = done(authority("changes", "--json")).document
    assert log[-1]["reason"] == "The council decided"
