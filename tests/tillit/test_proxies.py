"""Proxies that validate tokens by the configuration written for them, against tokens good and bad."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.keys import KeyPair, base64url, make_key
from tests.tillit.proxies import AUDIENCE, ISSUER, SCOPES, program, proxy
from tillit import ConfigError
from tillit.jose.public_keys import read_jwks
from tillit.proxies import Rules, envoy, haproxy, spring

EC, RSA = make_key("ES256", "ec-1"), make_key("RS256", "rsa-1")
STRANGER, STRANGE_RSA = make_key("ES256", "ec-1"), make_key("RS256", "rsa-1")
NOW = int(time.time())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 3000,
    "iat": NOW,
    "jti": "1",
    "client_id": "client-1",
    "scope": "y:z x:read x:write.all",
    "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
}
PROGRAMS = {"haproxy": ("haproxy",), "apache": ("apache2", "httpd"), "nginx": ("nginx",)}


def token(key: KeyPair = EC, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A good token but for these members; None takes one away."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return key.jwt(claims, **{"typ": "at+jwt", **(header or {})})


def unsigned(alg: str, signature: bytes = b"") -> str:
    """A token with a signature of somebody else's making."""
    header = {"alg": alg, "kid": "ec-1", "typ": "at+jwt"}
    return ".".join(base64url(part) for part in (*(json.dumps(each).encode() for each in (header, CLAIMS)), signature))


GOOD = {
    "of an EC key": token(),
    "of an RSA key": token(RSA),
    "of the other profile": token(RSA, {"typ": "JWT"}),
    "with a list of one audience": token(aud=[AUDIENCE]),
    "with the scopes alone": token(scope="x:write.all x:read"),
    "that is an hour old": token(iat=NOW - 3600),
}
BAD = {
    "of a stranger": token(STRANGER),
    "of a stranger, RSA": token(STRANGE_RSA),
    "of an unknown key": token(header={"kid": "ec-2"}),
    "of one key under the id of the other": token(EC, {"kid": "rsa-1"}),
    "that claims RS256 for the EC key": token(EC, {"alg": "RS256"}),
    "that claims HS256": token(EC, {"alg": "HS256"}),
    "with no algorithm": unsigned("none"),
    "with no algorithm, in capitals": unsigned("NONE"),
    "with a signature of zeros": unsigned("ES256", bytes(64)),
    "with an empty signature": unsigned("ES256"),
    "that is expired": token(exp=NOW - 120),
    "without an end": token(exp=None),
    "of another issuer": token(iss="https://other.example/"),
    "of an issuer without the slash": token(iss=ISSUER[:-1]),
    "without an issuer": token(iss=None),
    "for another audience": token(aud="https://other.example/"),
    "for an audience that begins alike": token(aud=AUDIENCE + "v2"),
    "without an audience": token(aud=None),
    "that is bound to a key": token(cnf={"jkt": "A" * 43}),
    "that is bound to a certificate": token(cnf={"x5t#S256": "A" * 43}),
    "cut short": token()[:-5],
    "with its claims changed": ".".join((token().split(".")[0], token(scope="a").split(".")[1], token().split(".")[2])),
    "of four parts": token() + ".e30",
    "of one part": "good",
    "that is a dot": ".",
}
NARROW = {
    "with one of the scopes": token(scope="x:read"),
    "with a longer scope": token(scope="x:readers x:write.all"),
    "with a scope in front": token(scope="ax:read x:write.all"),
    "with a dot for any letter": token(scope="x:read x:writeXall"),
    "without scopes": token(scope=""),
    "without the claim": token(scope=None),
}


@pytest.fixture(scope="module", params=["haproxy", "apache"])
def validating(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy that validates tokens itself."""
    yield from _running(request.param, tmp_path_factory)


def _running(kind: str, folders: pytest.TempPathFactory) -> Iterator[str]:
    if program(*PROGRAMS[kind]) is None:
        pytest.skip(f"{kind} is not installed")
    with proxy(kind, [EC, RSA], folders.mktemp(kind)) as port:
        yield f"http://127.0.0.1:{port}/things"


def call(address: str, credential: str | None, **headers: str) -> httpx2.Response:
    """Call the API through the proxy."""
    sent = {} if credential is None else {"authorization": credential}
    return httpx2.get(address, headers={**sent, **headers})


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_let_through(validating: str, name: str) -> None:
    """The API is reached."""
    answer = call(validating, f"Bearer {GOOD[name]}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["path"] == "/things"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(validating: str, name: str) -> None:
    """The API is not reached."""
    answer = call(validating, f"Bearer {BAD[name]}")
    assert answer.status_code in (400, 401), answer.text


@pytest.mark.parametrize("name", NARROW)
def test_a_token_without_the_scopes_is_refused(validating: str, name: str) -> None:
    """The API is not reached."""
    assert call(validating, f"Bearer {NARROW[name]}").status_code in (401, 403)


@pytest.mark.parametrize("credential", [None, "", "Bearer", f"Basic {GOOD['of an EC key']}", GOOD["of an EC key"]])
def test_without_a_bearer_token_nobody_gets_in(validating: str, credential: str | None) -> None:
    """No header, another scheme and a bare token are refused alike."""
    assert call(validating, credential).status_code in (400, 401)


def test_a_token_elsewhere_is_none(validating: str) -> None:
    """Neither the query nor a cookie carries a token."""
    good = GOOD["of an EC key"]
    assert call(f"{validating}?access_token={good}", None).status_code == 401
    assert call(validating, None, cookie=f"access_token={good}; Bearer={good}").status_code == 401


def test_a_caller_cannot_say_for_whom_it_acts(validating: str) -> None:
    """A header that the proxy itself would set is taken away, also when the token has nothing to put there."""
    forged = dict.fromkeys(("X-Consumer", "OAUTH2_CLAIM_consumer", "OAUTH2-CLAIM-consumer"), "0192:000000000")
    told = call(validating, f"Bearer {token(consumer=None)}", **forged).json()
    names = ("oauth2_claim_consumer", "oauth2-claim-consumer") if "oauth2_claim_scope" in told else ("x-consumer",)
    assert not any(told.get(name) for name in names)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx that asks the sidecar."""
    yield from _running("nginx", tmp_path_factory)


def test_nginx_does_what_the_sidecar_says(asking: str) -> None:
    """It lets through, refuses and challenges as it is told, and tells the API who calls, whatever the caller says."""
    good = call(asking, "Bearer good", **{"x-consumer": "0192:000000000", "x-client-id": "another"})
    assert (good.json()["x-consumer"], good.json()["x-client-id"]) == ("0192:991825827", "client-1")
    assert call(asking, "Bearer narrow").status_code == 403
    assert call(asking, "Bearer bad").headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert call(asking, None).status_code == 401


RULES = Rules(ISSUER, "https://authority.example/jwk", AUDIENCE, SCOPES)


def test_envoy_is_told_issuer_audience_keys_and_scopes() -> None:
    """The file is YAML, and its provider and its policy name what the rules name."""
    (text,) = envoy(RULES).values()
    listener = yaml.safe_load(text)["static_resources"]["listeners"][0]
    jwt, rbac, _ = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    provider = jwt["typed_config"]["providers"]["tillit"]
    assert (provider["issuer"], provider["audiences"]) == (ISSUER, [AUDIENCE])
    assert provider["remote_jwks"]["http_uri"]["uri"] == RULES.jwks_uri
    asked = rbac["typed_config"]["rules"]["policies"]["scopes"]["principals"][0]["and_ids"]["ids"]
    refused = [one["not_id"]["metadata"]["path"] for one in asked if "not_id" in one]
    assert [[step["key"] for step in path] for path in refused] == [
        ["token", "cnf", name] for name in ("jkt", "x5t#S256")
    ]
    found = [one["metadata"]["value"]["string_match"]["safe_regex"]["regex"] for one in asked if "metadata" in one]
    assert found == [".*(^| )x:read( |$).*", ".*(^| )x:write[.]all( |$).*"]


def test_spring_is_told_issuer_audience_keys_and_scopes() -> None:
    """The settings are YAML, and the class asks for every scope."""
    files = spring(RULES)
    settings = yaml.safe_load(files["application.yml"])["spring"]["security"]["oauth2"]["resourceserver"]["jwt"]
    assert (settings["issuer-uri"], settings["audiences"]) == (ISSUER, [AUDIENCE])
    assert all(f'"SCOPE_{scope}"' in files["TokenRules.java"] for scope in SCOPES)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": 'https://a.example/"'},
        {"jwks_uri": "ftp://a.example/"},
        {"jwks_uri": "https://user@a.example/"},
        {"audience": "https://a.example/ b"},
        {"audience": "api"},
        {"scopes": ()},
        {"scopes": ("x:read'",)},
        {"scopes": ("x:(read|write)",)},
        {"scopes": ("x:read\n",)},
        {"upstream": "127.0.0.1"},
        {"listen": "127.0.0.1:80;"},
        {"sidecar": "$host:80"},
    ],
)
def test_what_a_file_could_misread_is_refused(change: dict[str, Any]) -> None:
    """A value with a quote, a blank, a variable or a pattern in it makes no configuration."""
    values = {"issuer": ISSUER, "jwks_uri": RULES.jwks_uri, "audience": AUDIENCE, "scopes": SCOPES, **change}
    with pytest.raises(ConfigError):
        Rules(**values)


@pytest.mark.parametrize(
    "change",
    [lambda jwk: {**jwk, "kid": "a' or 'b"}, lambda jwk: {**jwk, "kid": "a b"}, lambda _: make_key("ES384").jwk],
)
def test_keys_that_haproxy_cannot_be_told_are_refused(change: Callable[[Any], Any]) -> None:
    """A key id that could be misread and a set without a usable algorithm make no configuration."""
    with pytest.raises(ConfigError):
        haproxy(RULES, read_jwks(json.dumps({"keys": [change(EC.jwk)]}).encode()))


def test_each_key_is_a_file_of_its_own(tmp_path: Path) -> None:
    """HAProxy is given a public key in PEM for each key, and never an algorithm from the token."""
    files = haproxy(RULES, read_jwks(json.dumps({"keys": [EC.jwk, RSA.jwk]}).encode()), str(tmp_path))
    assert sum(text.startswith("-----BEGIN PUBLIC KEY-----") for text in files.values()) == 2
    assert files["haproxy.cfg"].count("jwt_verify('ES256'") == files["haproxy.cfg"].count("jwt_verify('RS256'") == 1
