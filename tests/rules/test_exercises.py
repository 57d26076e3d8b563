"""Wrong tokens for the gym: each wrong in one thing, and none of them good for long."""

from __future__ import annotations

from itertools import count

import pytest

from authserver.oauth import status_list
from authserver.oauth.exercises import NOBODY, NOBODY_ELSE, STATUS_LIST, STATUSES, Exercise, exercises
from authserver.oauth.orgno import parse

NOW = 1_800_000_000
GOOD = {
    "iss": "https://a.example/",
    "aud": "https://api.example/",
    "scope": "x:read",
    "client_id": "gym",
    "sub": NOBODY,
}


def made(issuer: str = GOOD["iss"]) -> list[Exercise]:
    """All of them, for one API."""
    numbers = count()
    return exercises(
        issuer,
        GOOD["scope"],
        GOOD["aud"],
        NOW,
        lambda: f"id-{next(numbers)}",
        delegable=True,
        other_consumer=True,
    )


@pytest.mark.parametrize("exercise", made(), ids=lambda one: one.name)
def test_each_token_is_wrong_in_one_thing(exercise: Exercise) -> None:
    """Type, times, issuer, audience, scope, status or consumer alone: one of these, and the times as one."""
    claims = exercise.claims
    wrong = {name for name in ("iss", "aud", "scope") if claims.get(name) != GOOD[name]}
    if claims["exp"] <= NOW or claims.get("nbf", NOW) > NOW:
        wrong.add("times")
    if exercise.typ != "at+jwt":
        wrong.add("typ")
    if "status" in claims:
        listed = claims["status"]["status_list"]
        assert listed["uri"] == f"https://a.example/status-lists/{STATUS_LIST}"
        assert STATUSES[listed["idx"]] != status_list.VALID
        wrong.add("status")
    if exercise.name == "id-token":
        assert wrong == {"typ", "aud", "scope"}
    else:
        assert len(wrong) == (exercise.name != "other-consumer")
    assert exercise.status == (403 if wrong <= {"scope"} else 401)


def test_no_token_lives_long_or_becomes_good() -> None:
    """Five minutes at most, and where validity has yet to begin it has ended before."""
    for exercise in made():
        claims = exercise.claims
        assert claims["exp"] <= NOW + 300
        assert claims.get("nbf", NOW) == NOW or claims["nbf"] > claims["exp"]


def test_their_consumer_is_nobody() -> None:
    """No register can have the organisation that the tokens name."""
    assert {exercise.claims["consumer"]["ID"] for exercise in made()} == {f"0192:{NOBODY}"}
    assert {one.claims["supplier"]["ID"] for one in made() if "status" in one.claims} == {f"0192:{NOBODY_ELSE}"}
    for number in (NOBODY, NOBODY_ELSE):
        with pytest.raises(ValueError, match="zero"):
            parse(number)


def test_an_id_token_says_for_which_client_it_is_and_nothing_of_access() -> None:
    """Its audience is the client, and it has the members of OpenID Connect in place of those of an access token."""
    (found,) = (one for one in made() if one.name == "id-token")
    assert (found.typ, found.claims["aud"], found.claims["nonce"]) == ("JWT", GOOD["client_id"], "gym")
    assert not {"scope", "client_id"} & found.claims.keys()


def test_what_is_for_certain_apis_alone_is_made_when_asked_for() -> None:
    """An API that no supplier comes to need not know of status lists, nor one for all of consumers."""
    names = {one.name for one in exercises("https://a.example/", "x:read", "https://api.example/", NOW, lambda: "id")}
    assert {one.name for one in made()} - names == {"revoked-delegation", "suspended-delegation", "other-consumer"}


def test_every_token_has_an_id_and_a_name_of_its_own() -> None:
    """Nothing that remembers ids takes one for another."""
    found = made()
    assert len({exercise.claims["jti"] for exercise in found}) == len({one.name for one in found}) == len(found)


@pytest.mark.parametrize(
    ("issuer", "other"), [("https://a.example/", "https://a.example"), ("https://a.example", "https://a.example/")]
)
def test_an_issuer_is_spelt_in_the_other_way(issuer: str, other: str) -> None:
    """With a slash at the end where it has none, and without where it has one."""
    (found,) = (one for one in made(issuer) if one.name == "issuer-without-slash")
    assert found.claims["iss"] == other
