"""The verifier gym: a sound API passes, and each classical fault costs exactly the exercises that show it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from fastapi import FastAPI, Request, Security
from fastapi.responses import JSONResponse, Response
from fastapi.testclient import TestClient
from jwt.algorithms import ECAlgorithm

from authserver.oauth.exercises import ELSEWHERE
from authserver.registry.gym import mint
from authserver.registry.ports import Actor
from authserver.services import open_evidence
from tests.support.authority import Authority
from tillit import ConfigError, TokenValidator
from tillit.fastapi import AuthorityBearer
from tillit.gym import Minted, Result, Trial, as_html, as_text, document
from tillit.jose.public_keys import KeySet, read_jwks

API = "https://api.example.no/"
AUDIENCE = {"other-audience", "longer-audience", "list-of-other-audiences", "no-audience"}
SCOPES = {"other-scope", "longer-scope", "shorter-scope", "scope-inside-another", "no-scope", "empty-scope"}


@dataclass(frozen=True)
class Gym:
    """An authority, a good token, its keys, and the wrong tokens that it signed."""

    authority: Authority
    scope: str
    good: str
    keys: KeySet
    minted: Minted

    def run(self, app: FastAPI) -> dict[str, Result]:
        """Put an application through all exercises; return the results by name."""
        with TestClient(app, raise_server_exceptions=False) as http:
            results = Trial(http, "/things").run(self.good, self.keys.keys, self.minted)
        assert len({one.name for one in results}) == len(results)
        return {one.name: one for one in results}

    def missed(self, app: FastAPI) -> set[str]:
        """The exercises that were let in."""
        return {one.name for one in self.run(app).values() if one.let_in and not one.good}


def open_gym(standard: Authority, *, delegable: bool, other_consumer: bool = False) -> Gym:
    """A scope, a client that has it, and wrong tokens of the real authority for an API that wants it."""
    registry = standard.registry
    scope = registry.scope(audience=API, delegable=delegable)
    good = standard.token(registry.granted_client(scope)).token

    async def minted() -> list[dict[str, Any]]:
        async with open_evidence(standard.settings) as (store, authority):
            made = await mint(
                store,
                Actor("operator"),
                int(time.time()),
                scope=scope,
                audience=None,
                authority=authority,
                other_consumer=other_consumer,
            )
            return [{"name": one.name, "token": one.token, "status": one.status} for one in made]

    text = json.dumps({"issuer": standard.issuer, "scope": scope, "exercises": asyncio.run(minted())})
    return Gym(standard, scope, good, read_jwks(standard.get("/jwk").body), Minted.read(text.encode()))


@pytest.fixture(scope="module")
def gym(standard: Authority) -> Gym:
    """Of a scope that no supplier may use."""
    return open_gym(standard, delegable=False)


def sound(gym: Gym, *, check_status: bool = False) -> FastAPI:
    """An API that is guarded by the library."""
    validator = TokenValidator.for_issuer(gym.authority.issuer, API, check_status=check_status)
    auth, app = AuthorityBearer(validator), FastAPI()

    def things() -> str:
        return "things"

    app.get("/things", dependencies=[Security(auth, scopes=[gym.scope])])(things)
    return app


def by_hand(gym: Gym, verify: Callable[[str], dict[str, Any]], scope: Callable[[str], bool] | None = None) -> FastAPI:
    """An API that verifies in its own way, and looks for the scope in its own way."""
    app = FastAPI()

    @app.get("/things")
    def things(request: Request) -> Response:
        lines = request.headers.getlist("authorization")
        scheme, _, token = (lines[0] if len(lines) == 1 else "").partition(" ")
        try:
            claims = verify(token if scheme.lower() == "bearer" else "")
        except Exception:  # noqa: BLE001 - whatever it is, the API says no
            return JSONResponse({}, 401, {"www-authenticate": "Bearer"})
        held = claims.get("scope") or ""
        return JSONResponse({}, 200 if (scope or (lambda text: gym.scope in text.split()))(held) else 403)

    return app


def pyjwt(gym: Gym, *, typ: bool = True, **options: Any) -> Callable[[str], dict[str, Any]]:
    """PyJWT as it should be used, but for these options."""
    keys = {key.kid: key for key in gym.keys.keys}

    def verify(token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = keys[header["kid"]]
        if typ and header.get("typ") not in ("at+jwt", "JWT"):
            raise ValueError("typ")
        checked = {"audience": API, "issuer": gym.authority.issuer, "options": {"require": ["exp", "aud", "iss"]}}
        found: dict[str, Any] = jwt.decode(token, key.key, algorithms=[key.alg], **{**checked, **options})
        return found

    return verify


def test_an_api_guarded_by_the_library_has_full_marks(gym: Gym) -> None:
    """More than forty exercises in three grades, and not one miss."""
    results = gym.run(sound(gym))
    assert {name: one.fault for name, one in results.items() if not one.good} == {}
    assert len(results) >= 40
    assert {one.grade for one in results.values()} == {"A", "B", "C"}


def test_delegations_that_ended_show_where_nobody_looks_up_their_status(standard: Authority) -> None:
    """Of a delegable scope there are two exercises more, missed in grade B unless the API reads status lists."""
    gym = open_gym(standard, delegable=True)
    assert [one for one in gym.run(sound(gym, check_status=True)).values() if not one.good] == []
    missed = [one for one in gym.run(sound(gym)).values() if not one.good]
    assert {(one.name, one.grade, one.let_in) for one in missed} == {
        ("revoked-delegation", "B", True),
        ("suspended-delegation", "B", True),
    }
    assert "check_status" in as_text(API, missed)


def test_a_rule_on_consumers_that_is_missing_shows_where_it_is_asked_for(standard: Authority) -> None:
    """An API that serves whoever has the scope lets the other consumer in; one that looks at it does not."""
    gym = open_gym(standard, delegable=False, other_consumer=True)
    verify = pyjwt(gym)
    assert gym.missed(by_hand(gym, verify)) == {"other-consumer"}

    def of_ours(token: str) -> dict[str, Any]:
        claims = verify(token)
        return claims if claims["consumer"]["ID"] != "0192:000000000" else {**claims, "scope": ""}

    assert [
        one for one in gym.run(by_hand(gym, of_ours)).values() if one.name == "other-consumer" and not one.good
    ] == []


def test_an_api_that_takes_whatever_is_signed_takes_an_id_token(gym: Gym) -> None:
    """The type JWT is that of many things: audience and scope tell an ID token from an access token."""
    verify = pyjwt(gym, options={"verify_aud": False})
    assert gym.missed(by_hand(gym, verify, lambda _: True)) == {*AUDIENCE, *SCOPES, "id-token"}


def test_careful_use_of_another_library_keeps_everyone_out(gym: Gym) -> None:
    """PyJWT with every check stated lets nothing in."""
    assert gym.missed(by_hand(gym, pyjwt(gym))) == set()


@pytest.mark.parametrize(
    ("options", "missed"),
    [
        ({"options": {"verify_aud": False}}, AUDIENCE),
        ({"options": {"verify_exp": False}}, {"expired", "expired-long-ago"}),
        ({"options": {"verify_nbf": False}}, {"not-yet-valid"}),
        ({"issuer": None}, {"other-issuer", "issuer-without-slash"}),
        ({"typ": False}, {"other-type"}),
        ({"leeway": 400}, {"expired"}),
        ({"audience": [API, ELSEWHERE]}, {"other-audience", "list-of-other-audiences"}),
    ],
)
def test_each_check_that_is_left_out_shows(gym: Gym, options: dict[str, Any], missed: set[str]) -> None:
    """What is missed names the check, and nothing else is missed."""
    assert gym.missed(by_hand(gym, pyjwt(gym, **options))) == missed


def test_scopes_that_are_searched_as_text_show(gym: Gym) -> None:
    """A longer scope passes for the one asked for; without any look at scopes all do."""
    verify = pyjwt(gym)
    assert gym.missed(by_hand(gym, verify, lambda text: gym.scope in text)) == {"longer-scope", "scope-inside-another"}
    assert gym.missed(by_hand(gym, verify, lambda text: text.startswith(gym.scope))) == {"longer-scope"}
    assert gym.missed(by_hand(gym, verify, lambda _: True)) == SCOPES


def test_a_signature_that_nobody_looks_at_shows(gym: Gym) -> None:
    """An API that only decodes lets every forgery in."""
    missed = gym.missed(by_hand(gym, lambda token: jwt.decode(token, options={"verify_signature": False})))
    assert {"changed-signature", "changed-claims", "stranger-under-known-kid", "alg-none", "empty-secret"} <= missed


def test_an_algorithm_taken_from_the_token_shows(gym: Gym) -> None:
    """None, and the public key as a secret."""
    keys, careful = {key.kid: key for key in gym.keys.keys}, pyjwt(gym)

    def none(token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token)["alg"].lower() == "none":
            return dict(jwt.decode(token, options={"verify_signature": False}))
        return careful(token)

    def confused(token: str) -> dict[str, Any]:
        import hashlib
        import hmac

        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        header = jwt.get_unverified_header(token)
        if header["alg"] != "HS256":
            return careful(token)
        pem = keys[header["kid"]].key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        data, _, signature = token.rpartition(".")
        if jwt.utils.base64url_decode(signature) != hmac.new(pem, data.encode(), hashlib.sha256).digest():
            raise ValueError("signature")
        return dict(jwt.decode(token, options={"verify_signature": False}))

    assert gym.missed(by_hand(gym, none)) == {"alg-none", "alg-None", "alg-nOnE"}
    assert gym.missed(by_hand(gym, confused)) == {"public-key-as-secret"}


def test_a_key_taken_from_the_token_shows(gym: Gym) -> None:
    """Whoever brings a key is believed."""
    careful = pyjwt(gym)

    def believing(token: str) -> dict[str, Any]:
        jwk = jwt.get_unverified_header(token).get("jwk")
        if jwk is None:
            return careful(token)
        return dict(jwt.decode(token, ECAlgorithm.from_jwk(jwk), algorithms=["ES256"], audience=API))  # type: ignore[arg-type]

    assert gym.missed(by_hand(gym, believing)) == {"key-in-header"}


def test_bad_manners_are_told_from_holes(gym: Gym) -> None:
    """An API that falls over, or refuses without a challenge, lets nobody in, and misses in grade C alone."""
    app = FastAPI()
    careful = pyjwt(gym)

    @app.get("/things")
    def things(request: Request) -> Response:
        (line,) = request.headers.getlist("authorization")
        scheme, token = line.split(" ")
        assert scheme == "Bearer"
        claims = careful(token)
        return JSONResponse({}, 200 if gym.scope in claims.get("scope", "").split() else 401)

    faults = [one for one in gym.run(app).values() if not one.good]
    assert {one.grade for one in faults} == {"C"}
    assert any("fell over" in one.fault for one in faults)
    assert any("instead of 403" in one.fault for one in faults)


def test_an_api_that_refuses_good_tokens_is_not_judged(gym: Gym) -> None:
    """Nothing can be learned from an API that refuses everything."""
    with pytest.raises(ConfigError, match="403"):
        gym.run(by_hand(gym, jwt.get_unverified_header, lambda _: False))


def test_the_report_says_how_to_mend_each_miss_and_shows_no_token(gym: Gym) -> None:
    """Text, JSON and page name each miss with its clause; none holds a token, and the page no script."""
    results = list(gym.run(by_hand(gym, pyjwt(gym, options={"verify_aud": False}))).values())
    text, page, report = as_text(API, results), as_html(API + "<script>", results), document(API, results)
    for shown in (text, page, json.dumps(report), repr(results)):
        assert "eyJ" not in shown
    assert "other-audience: it was let in" in text
    assert "RFC 9068" in text
    assert "<script" not in page
    assert report["sound"] is False
    assert report["grades"]["A"]["good"] < report["grades"]["A"]["of"]
    assert all("advice" in one for one in report["results"] if not one["good"])


def test_wrong_tokens_are_good_nowhere(gym: Gym) -> None:
    """Whoever holds them has nothing: each is refused by a validator for any audience, or names no scope of anybody."""
    for exercise in gym.minted.exercises:
        claims = jwt.decode(exercise.headers[0][1].removeprefix("Bearer "), options={"verify_signature": False})
        assert claims["consumer"]["ID"] == "0192:000000000"
        assert claims["exp"] <= time.time() + 300
        assert claims.get("nbf", 0) < claims["exp"] or claims["nbf"] > claims["exp"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"issuer":"a","scope":"b","exercises":[{"name":"c"}]}'])
def test_a_file_that_authserver_gym_did_not_write_is_refused(text: bytes) -> None:
    """It is said to be another file."""
    with pytest.raises(ConfigError):
        Minted.read(text)
