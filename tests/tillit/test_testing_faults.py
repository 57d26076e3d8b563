"""The light authority answers as a real one does: every request of a table is sent to both."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.authority import Authority as Real
from tests.support.authority import running
from tests.support.http import Answer, request
from tests.support.keys import KeyPair as Registered
from tests.support.tokens import claims_of, header_of
from tests.tillit import faults
from tests.tillit.faults import FAULTS, GOOD, Estate, Sent
from tillit import SystemClock
from tillit.testing import Authority, KeyPair, RegisteredClient, Request, make_key

TRACE = re.compile(r"\(trace_id: [0-9a-f]{32}\)$")
SCOPES: dict[str, dict[str, Any]] = {
    "std:read": {"audience": faults.API},
    "std:write": {},
    "std:other": {"audience": faults.OTHER_API},
    "std:delegable": {"delegable": True},
    "std:denied": {},
    "std:off": {},
    "std:mp": {"token_profile": "maskinporten"},
    "std:short": {"max_age": 30},
    "std:admin": {},
}
ON_CLIENT = tuple(name for name in SCOPES if name != "std:admin")
GRANTED = tuple(name for name in ON_CLIENT if name != "std:denied")
KEYS = {"plain": make_key("ES256"), "maskinporten": make_key("RS256"), "disabled": make_key("ES256")}
REMOVED = make_key("ES256")


@dataclass(frozen=True)
class Elsewhere:
    """What a client of the light library needs to know of a real authority."""

    issuer: str
    clock: SystemClock


def pair(key: KeyPair) -> Registered:
    return Registered(key.alg, key.kid, key.private)


def fill_real(real: Real) -> Estate:
    registry = real.registry
    for number in (faults.SELF, faults.CONSUMER, faults.UNDELEGATED, faults.WITHOUT_ACCESS):
        registry.organisation(number)
    for name, terms in SCOPES.items():
        registry.scope(name, **terms)
    clients: dict[str, RegisteredClient] = {}
    there: Any = Elsewhere(real.issuer, SystemClock())
    for name, key in KEYS.items():
        profile = "maskinporten" if name == "maskinporten" else None
        made = registry.client(*ON_CLIENT, org=faults.SELF, key=pair(key), client_id=name, profile=profile)
        clients[name] = RegisteredClient(made.id, faults.SELF, ON_CLIENT, key, there)
        if name == "plain":
            registry.add_key(made, pair(REMOVED))
            registry.remove_key(made, REMOVED.kid)
        if name == "disabled":
            registry.set_client(made, active=False)
    for name in GRANTED:
        registry.grant(name, faults.SELF)
    for number in (faults.CONSUMER, faults.UNDELEGATED):
        registry.grant("std:delegable", number)
    delegation = registry.delegate(faults.CONSUMER, faults.SELF, "std:delegable")
    registry.set_scope("std:off", active=False)
    return Estate(**clients, removed_kid=REMOVED.kid, delegation=delegation)


def fill_light(light: Authority) -> Estate:
    for number in (faults.SELF, faults.CONSUMER, faults.UNDELEGATED, faults.WITHOUT_ACCESS):
        light.add_organisation(number)
    owner = light.add_organisation()
    for name, terms in SCOPES.items():
        light.add_scope(name, owner=owner, **terms)
    clients: dict[str, RegisteredClient] = {}
    for name, key in KEYS.items():
        clients[name] = light.add_client(
            *ON_CLIENT,
            org=faults.SELF,
            key=key,
            client_id=name,
            profile="maskinporten" if name == "maskinporten" else None,
            granted=False,
        )
    light.add_key("plain", REMOVED)
    light.remove_key("plain", REMOVED.kid)
    light.disable_client("disabled")
    for name in GRANTED:
        light.grant(name, faults.SELF)
    for number in (faults.CONSUMER, faults.UNDELEGATED):
        light.grant("std:delegable", number)
    delegation = light.delegate(faults.CONSUMER, faults.SELF, "std:delegable")
    light.registry.scope("std:off").active = False
    return Estate(**clients, removed_kid=REMOVED.kid, delegation=delegation)


@dataclass(frozen=True)
class Both:
    """A real authority and a light one with the same parties."""

    real: Real
    light: Authority
    at_real: Estate
    at_light: Estate
    other_words: Authority
    there: Estate

    def ask_real(self, sent: Sent) -> Answer:
        body = None if sent.method == "GET" else sent.body
        return request(self.real.port, sent.method, "/token", body, sent.headers)

    def ask_light(self, sent: Sent) -> Answer:
        return self.ask(self.light, sent)

    @staticmethod
    def ask(light: Authority, sent: Sent) -> Answer:
        answer = light.respond(Request(sent.method, "/token", sent.headers, sent.body))
        return Answer(answer.status, answer.headers, answer.body)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with running(tmp_path_factory.mktemp("real")) as real:
        light, other_words = Authority(), Authority(profile="maskinporten")
        yield Both(real, light, fill_real(real), fill_light(light), other_words, fill_light(other_words))


def told(answer: Answer) -> dict[str, Any]:
    """What a client can tell one answer from another by, without the names it was given for this occasion."""
    members = {name: TRACE.sub("", str(value)) for name, value in answer.json.items()}
    kept = ("content-type", "cache-control", "pragma", "allow", "retry-after")
    return {"status": answer.status, **members, **{name: answer.headers.get(name) for name in kept}}


def test_the_table_covers_the_refusals_of_requests(both: Both) -> None:
    """The faults of the table are refused under at least 35 different codes."""
    assert len({both.ask_light(build(both.at_light)).code for build in FAULTS.values()}) >= 35


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_answered_alike(both: Both, name: str) -> None:
    """A faulty request gets the status, the members, the code and the sentence that a real authority gives it."""
    real = both.ask_real(FAULTS[name](both.at_real))
    light = both.ask_light(FAULTS[name](both.at_light))
    assert real.status >= 400
    assert told(light) == told(real)
    assert TRACE.search(light.json["error_description"])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_maskinporten_client_is_answered_alike(both: Both, name: str) -> None:
    """In Maskinporten's words too, status, error, code and members are those of a real authority for such a client."""
    real = both.ask_real(FAULTS[name](replace(both.at_real, plain=both.at_real.maskinporten)))
    light = both.ask(both.other_words, FAULTS[name](replace(both.there, plain=both.there.maskinporten)))
    assert (light.status, set(light.json)) == (real.status, set(real.json))
    if real.status != 200:
        assert (light.code, light.json["error"]) == (real.code, real.json["error"])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_gets_the_same_token(both: Both, name: str) -> None:
    """The token and the answer it comes in have the members that a real authority writes, and equal values."""
    real = both.ask_real(GOOD[name](both.at_real))
    light = both.ask_light(GOOD[name](both.at_light))
    assert real.status == 200, real.body
    assert light.status == 200, light.body
    theirs, ours = (_comparable(answer) for answer in (real, light))
    assert ours == theirs


def _comparable(answer: Answer) -> dict[str, Any]:
    claims, header = claims_of(answer.token), header_of(answer.token)
    issuer = claims["iss"]
    for name in ("iat", "exp", "jti", "iss"):
        claims[name] = type(claims[name]).__name__
    for name in ("aud", "delegation_source"):
        if isinstance(claims.get(name), str):
            claims[name] = claims[name].replace(issuer, "ISSUER")
    if "status" in claims:
        listed = claims["status"]["status_list"]
        claims["status"]["status_list"] = {"idx": type(listed["idx"]), "uri": listed["uri"].replace(issuer, "ISSUER")}
    members = {**answer.json, "access_token": "…"}
    return {"claims": claims, "header": {**header, "kid": "…"}, "members": members}


def test_a_replay_is_answered_alike(both: Both) -> None:
    """The second use of an assertion is refused with MP-012 by both, and the first was not."""
    for ask, estate in ((both.ask_real, both.at_real), (both.ask_light, both.at_light)):
        sent = estate.sent()
        assert ask(sent).status == 200
        assert ask(sent).code == "MP-012"


def test_a_refused_assertion_is_not_spent(both: Both) -> None:
    """An assertion that was refused for its scope is refused for the same reason again, by both."""
    for ask, estate in ((both.ask_real, both.at_real), (both.ask_light, both.at_light)):
        sent = estate.sent(scope="std:denied")
        assert [ask(sent).code, ask(sent).code] == ["MP-250", "MP-250"]


def test_metadata_and_keys_have_the_same_members(both: Both) -> None:
    """Both publish metadata with the same members and values, and keys with the same members."""
    light = both.light
    real = both.real.get("/.well-known/oauth-authorization-server").json
    mine = light.respond(Request("GET", "/.well-known/oauth-authorization-server", {}))
    answer = Answer(mine.status, mine.headers, mine.body)
    renamed = {name: str(value).replace(light.issuer, real["issuer"]) for name, value in answer.json.items()}
    assert renamed == {name: str(value) for name, value in real.items()}
    keys = Answer(200, {}, light.respond(Request("GET", "/jwk", {})).body).json["keys"]
    assert {key["alg"]: set(key) for key in keys} == {
        key["alg"]: set(key) for key in both.real.get("/jwk").json["keys"]
    }


def test_a_statement_of_a_delegation_has_the_same_members(both: Both) -> None:
    """Statement and status list have the header, the members and, but for names and times, the values of the real."""
    theirs, ours = both.real.registry.statement(both.at_real.delegation), both.light.statement(both.at_light.delegation)
    for read in (claims_of, header_of):
        assert _shape(read(ours)) == _shape(read(theirs))
    assert claims_of(ours)["delegation"]["scope"] == claims_of(theirs)["delegation"]["scope"]
    real, light = both.real.get("/status-lists/0"), both.light.respond(Request("GET", "/status-lists/0", {}))
    assert light.headers["content-type"] == real.headers["content-type"]
    for read in (claims_of, header_of):
        assert _shape(read(light.body.decode())) == _shape(read(real.body.decode()))


def _shape(value: Any) -> Any:
    """The names of members at every depth, and the types of what they hold."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    return type(value).__name__


CLAIMS: list[tuple[str, Any]] = [
    *(("aud", value) for value in (None, "x", ["x"], [], 7, {"x": 1})),
    *(("sub", value) for value in ("plain", "x", None, 7)),
    *(("jti", value) for value in (None, "", "a" * 256, "a" * 257, "å", 7)),
    *(("scope", value) for value in (None, "", " ", "std:off", "std:denied", "std:delegable", "std:write", "x", 7)),
    *(("resource", value) for value in (faults.API, "x", [], [faults.API], [7], "urn:x:y", "https://", "mailto:a@b")),
    *(("consumer_org", value) for value in (faults.CONSUMER, faults.SELF, faults.UNKNOWN, "", "31000002x", None)),
    *(("pid", value) for value in ("12345678901", "1", 7, None)),
    *((name, value) for name in ("exp", "iat", "nbf") for value in (None, True, -1, 0.5, "1", 2**53, 0, 1)),
    *((name, 1) for name in ("x", "å" * 70, "authorization_details", "client_id", "acr")),
]
HEADERS: list[tuple[str, Any]] = [
    *(("typ", value) for value in (None, "jwt", "JWT", "JOSE", 7, "client-authentication+jwt", "at+jwt")),
    *(("alg", value) for value in (None, "none", "HS256", "ES384", "RS256", 7)),
    *(("kid", value) for value in (None, "", "x", 7, REMOVED.kid, "a" * 129)),
    *(("x5c", value) for value in ([], ["a"], "a", [7])),
    *((name, "x") for name in ("crit", "jku", "x5u", "zip", "b64", "cty", "x")),
]
PARAMETERS: list[tuple[str, str]] = [
    *(("scope", value) for value in ("std:read", "std:write", "", "a  b")),
    *(("client_id", value) for value in ("plain", "x", "")),
    *(("resource", value) for value in (faults.API, "x", "")),
    *(("consumer_org", value) for value in (faults.CONSUMER, "x", "")),
    *((name, "x") for name in ("client_assertion", "client_secret", "unknown", "grant_type")),
]


@pytest.mark.parametrize("seed", range(8))
def test_several_faults_at_once_are_answered_alike(both: Both, seed: int) -> None:
    """Where one request has up to four faults, both name the same one of them first."""
    dice = random.Random(seed)
    for _ in range(60):
        claims = dict(dice.sample(CLAIMS, dice.randint(0, 2)))
        header = dict(dice.sample(HEADERS, dice.choice((0, 0, 0, 1))))
        form = dict(dice.sample(PARAMETERS, dice.choice((0, 0, 1))))
        who = dice.choice(("plain", "plain", "maskinporten"))
        estates = ((both.ask_real, both.at_real), (both.ask_light, both.at_light))
        real, light = (
            told(ask(estate.sent(getattr(estate, who), header=header, form=form, **claims))) for ask, estate in estates
        )
        for answer in (real, light):
            if answer["status"] == 200:
                answer["access_token"] = "…"
        assert light == real, (who, claims, header, form)
