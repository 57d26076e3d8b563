"""The sidecar over real HTTP, as programs in other languages and proxies use it, with a light authority behind."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner

from tests.support.authority import free_ports
from tillit import AsyncTokenClient, ConfigError, JwksSource, Rejected, SidecarTokenClient, TokenRequest
from tillit.cli import app
from tillit.core.jwks_cache import JwksLimits
from tillit.sidecar import Judge, sidecar_app
from tillit.testing import Authority, RegisteredClient

API = "https://api.example.no/"
HERE = ("127.0.0.1", 4444)
START_SECONDS = 30


@dataclass(frozen=True)
class Place:
    """A sidecar that runs, and the authority behind it."""

    authority: Authority
    client: RegisteredClient
    port: int

    def post(self, path: str, json: object = None, **request: object) -> httpx2.Response:
        """Post to the sidecar."""
        return httpx2.post(f"http://127.0.0.1:{self.port}{path}", json=json, **request)  # type: ignore[arg-type]

    def token(self, **members: object) -> httpx2.Response:
        """Ask for a token as nais applications do."""
        return self.post("/api/v1/token", {"identity_provider": "maskinporten", "target": "x:read", **members})

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Read from the sidecar."""
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", headers=headers)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A sidecar, started by its command line."""
    authority = Authority()
    scope = authority.add_scope("x:read", audience=API)
    other = authority.add_scope("x:write", audience=API)
    delegated = authority.add_scope("x:delegated", audience=API, delegable=True)
    client = authority.add_client(scope, other, delegated, org="889640782")
    authority.grant(scope, client.org)
    authority.grant(delegated, "991825827")
    authority.delegate("991825827", client.org, delegated)
    (port,) = free_ports(1)
    with authority.serve():
        command = [sys.executable, "-m", "tillit", "sidecar", "--port", str(port)]
        process = subprocess.Popen(command, env={**os.environ, **client.environ()})
        found = Place(authority, client, port)
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if found.get("/readyz").status_code == 200:
                        break
                except httpx2.TransportError:
                    time.sleep(0.05)
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(START_SECONDS) in (0, -signal.SIGTERM)


def test_a_token_is_fetched_once_and_told_with_what_is_left_of_it(place: Place) -> None:
    """JSON and form get the same token from the cache, and `skip_cache` another."""
    first, before = place.token().json(), place.authority.count()
    form = {"identity_provider": "tillit", "target": "x:read"}
    again = place.post("/api/v1/token", data=form).json()
    assert (again["access_token"], again["token_type"]) == (first["access_token"], "Bearer")
    assert 0 < again["expires_in"] <= first["expires_in"]
    assert place.authority.count() == before
    assert place.token(skip_cache=True).json()["access_token"] != first["access_token"]
    assert place.token(resource=API).status_code == 200


def test_a_supplier_asks_for_a_consumer(place: Place) -> None:
    """`consumer_org` names whom the token is for, and whether it may is the authority's to say."""
    token = place.token(target="x:delegated", consumer_org="991825827").json()["access_token"]
    claims = _claims(token)
    assert (claims["consumer"]["ID"], claims["supplier"]["ID"]) == ("0192:991825827", "0192:889640782")
    answer = place.token(target="x:delegated", consumer_org="974761076")
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def test_settings_hold_for_programs_that_say_nothing(place: Place) -> None:
    """Consumer and resource of the client's settings are asked for by every request that names no other."""
    config = replace(place.client.config, consumer_org="991825827", resource=API)
    judge = Judge((), JwksSource(place.authority.endpoints()))
    body = {"identity_provider": "maskinporten", "target": "x:delegated"}

    served = sidecar_app(AsyncTokenClient(config), judge)
    claims = _claims(ask(served, "POST", "/api/v1/token", json=body).json()["access_token"])
    assert (claims["consumer"]["ID"], claims["aud"]) == ("0192:991825827", API)


def test_a_program_without_a_key_gets_tokens_by_the_clients_names(place: Place) -> None:
    """`SidecarTokenClient` asks a real one, for itself, for a consumer, and again."""
    with SidecarTokenClient(f"http://127.0.0.1:{place.port}/api/v1/token") as client:
        token = client.get("x:read")
        assert _claims(token.value)["scope"] == "x:read"
        assert client.get("x:read") is token
        client.invalidate(token)
        assert client.get("x:read").value != token.value
        delegated = client.get(TokenRequest("x:delegated", consumer_org="991825827"))
        assert _claims(delegated.value)["consumer"]["ID"] == "0192:991825827"
        with pytest.raises(Rejected, match="MP-200"):
            client.get("x:none")


def test_details_reach_the_authority(place: Place) -> None:
    """`authorization_details` is a list, or the text of one as nais applications may send it."""
    details = [{"type": "urn:example:x", "to": "there"}]
    for sent in (details, json.dumps(details)):
        answer = place.token(authorization_details=sent)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_a_refusal_of_the_authority_is_passed_on(place: Place) -> None:
    """Status, error and description are those of the authority."""
    answer = place.token(target="x:none")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert answer.json()["error_description"].startswith("MP-200")


@pytest.mark.parametrize(
    "members",
    [
        {"identity_provider": "azuread"},
        {"identity_provider": None},
        {"identity_provider": {}},
        {"identity_provider": ["maskinporten"]},
        {"target": ""},
        {"target": ["x:read"]},
        {"target": None},
        {"resource": 7},
        {"skip_cache": "perhaps"},
        {"authorization_details": "{"},
        {"authorization_details": 7},
        {"authorization_details": "[" * 20_000},
        {"authorization_details": [{"no": "type"}]},
        {"consumer_org": 991825827},
        {"consumer_org": "99182582"},
    ],
)
def test_what_is_not_of_this_api_is_refused(place: Place, members: dict[str, object]) -> None:
    """A request that says something else gets 400 and a sentence."""
    answer = place.token(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"{}"),
        ("application/json", b"["),
        ("application/json", b"[]"),
        ("application/json", b"[" * 50_000),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(place: Place, kind: str, body: bytes) -> None:
    """Neither another type, nor broken JSON, nor a list."""
    assert place.post("/api/v1/token", content=body, headers={"content-type": kind}).status_code == 400


def test_a_huge_body_is_refused(place: Place) -> None:
    """What grows beyond the bound is not read to its end."""
    assert place.token(target="x" * 100_000).status_code == 400


def test_introspection_always_answers(place: Place) -> None:
    """200 for good and bad: claims of the one, a reason for the other."""
    ask = {"identity_provider": "maskinporten"}
    good = place.post("/api/v1/introspect", ask | {"token": place.token().json()["access_token"]})
    assert (good.status_code, good.json()["active"], good.json()["scope"]) == (200, True, "x:read")
    factory = place.authority.token_factory(API)
    for bad in (factory("x:read", expired=True), factory("x:read", iss="https://other.example/"), "rubbish"):
        answer = place.post("/api/v1/introspect", ask | {"token": bad})
        assert (answer.status_code, answer.json()["active"], bool(answer.json()["error"])) == (200, False, True)
    assert place.post("/api/v1/introspect", ask).status_code == 400


def test_a_token_whose_delegation_has_ended_is_good_no_more(place: Place) -> None:
    """Introspection and the answer to a proxy look at the status list that the token names."""
    place.authority.grant("x:delegated", "974760673")
    delegation = place.authority.delegate("974760673", place.client.org, "x:delegated")
    token = place.token(target="x:delegated", consumer_org="974760673").json()["access_token"]
    place.authority.revoke_delegation(delegation)
    told = place.post("/api/v1/introspect", {"identity_provider": "maskinporten", "token": token}).json()
    assert (told["active"], "invalid" in told["error"]) == (False, True)
    assert place.get("/auth?scope=x%3Adelegated", authorization=f"Bearer {token}").status_code == 401


def test_a_proxy_is_told_whom_to_let_in(place: Place) -> None:
    """204 with the parties, 403 for a scope that is missing, 401 with a challenge for everything else."""
    bearer = f"Bearer {place.token().json()['access_token']}"
    good = place.get(f"/auth?scope=x%3Aread&audience={API}", authorization=bearer)
    assert (good.status_code, good.headers["x-consumer"]) == (204, "0192:889640782")
    narrow = place.get("/auth?scope=x%3Aread&scope=x%3Awrite", authorization=bearer)
    assert (narrow.status_code, "insufficient_scope" in narrow.headers["www-authenticate"]) == (403, True)
    other = place.get("/auth?scope=x%3Aread&audience=https://other.example/", authorization=bearer)
    assert (other.status_code, "invalid_token" in other.headers["www-authenticate"]) == (401, True)
    assert place.get("/auth?scope=x%3Aread").headers["www-authenticate"].startswith("Bearer")
    proven = place.get("/auth?scope=x%3Aread", authorization=bearer.replace("Bearer", "DPoP"), dpop="no.proof.atall")
    assert proven.status_code == 401


def test_tokens_that_are_bound_to_a_key_are_not_handed_out(place: Place) -> None:
    """Whoever got them could not prove the key, so such a client is refused at the start."""
    bound = AsyncTokenClient(replace(place.client.config, dpop=True))
    with pytest.raises(ConfigError, match="bound to a key"):
        sidecar_app(bound, Judge((), JwksSource(place.authority.endpoints())))


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_a_browser_gets_nothing(place: Place, headers: dict[str, str]) -> None:
    """Neither a page that lets its own name lead here, nor one that posts across origins."""
    body = {"identity_provider": "maskinporten", "target": "x:read"}
    assert place.post("/api/v1/token", body, headers=headers).status_code == 403


def ask(served: Starlette, method: str, path: str, peer: tuple[str, int] | None = HERE, **sent: Any) -> httpx2.Response:
    """Ask a sidecar in this process, as if from `peer`."""

    async def asked() -> httpx2.Response:
        through = httpx2.ASGITransport(served, client=peer)  # type: ignore[arg-type] # None is a Unix socket's
        async with httpx2.AsyncClient(transport=through, base_url="http://localhost") as http:
            return await http.request(method, path, **sent)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("peer", "anywhere", "status"),
    [
        (("10.0.0.66", 4444), False, 403),
        (("10.0.0.66", 4444), True, 200),
        (("::1", 4444), False, 200),
        (("::ffff:127.0.0.1", 4444), False, 200),
        (("::ffff:10.0.0.66", 4444), False, 403),
        (None, False, 200),
    ],
)
def test_only_programs_of_this_machine_are_served(
    place: Place, peer: tuple[str, int] | None, anywhere: bool, status: int
) -> None:
    """Another machine gets nothing by saying that it asks for localhost, unless others may have tokens too."""
    judge = Judge((), JwksSource(place.authority.endpoints()))
    served = sidecar_app(AsyncTokenClient(place.client.config), judge, from_anywhere=anywhere)
    assert ask(served, "GET", "/metrics", peer).status_code == status


def test_who_is_connected_counts_and_not_whom_a_header_names(place: Place) -> None:
    """A program of this machine is served whatever `X-Forwarded-For` it passes on: nobody is believed about peers."""
    assert place.get("/metrics", **{"x-forwarded-for": "10.0.0.66"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "example.no"])  # noqa: S104 - they are refused
def test_it_listens_beyond_this_machine_only_when_that_is_said(place: Place, host: str) -> None:
    """The command refuses such an address, and names the option by which tokens are for whoever comes."""
    answer = CliRunner().invoke(app, ["sidecar", "--host", host], env=place.client.environ())
    assert answer.exit_code != 0
    assert "--open-to-the-network" in answer.output


@pytest.mark.parametrize("query", ["scope=a%20b", "scope=", "audience="])
def test_a_proxy_that_asks_for_what_cannot_be_is_told(place: Place, query: str) -> None:
    """A scope or an audience that is none gets 400 and a sentence."""
    bearer = f"Bearer {place.token().json()['access_token']}"
    answer = place.get(f"/auth?{query}", authorization=bearer)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_token_for_an_audience_that_is_none_is_not_active(place: Place) -> None:
    """Introspection answers for it as for any bad token."""
    token = place.authority.token_factory(API)("x:read", aud=[""])
    answer = place.post("/api/v1/introspect", {"identity_provider": "tillit", "token": token})
    assert (answer.status_code, answer.json()["active"]) == (200, False)


def test_what_was_not_foreseen_is_answered_and_logged_without_what_it_says(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault inside is JSON with 500, and what it says, which may be a secret, stands neither there nor in the log."""

    class Broken(Judge):
        async def judge(self, token: str, *_: Any, **__: Any) -> Any:
            raise RuntimeError(token)

    served = sidecar_app(AsyncTokenClient(place.client.config), Broken((), JwksSource(place.authority.endpoints())))
    with caplog.at_level(logging.DEBUG):
        answer = ask(
            served, "POST", "/api/v1/introspect", json={"identity_provider": "tillit", "token": "a.hidden.thing"}
        )
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "RuntimeError" in caplog.text
    assert "hidden" not in caplog.text + answer.text


def test_it_is_ready_once_the_keys_are_known(place: Place) -> None:
    """Without them introspection can say nothing, and `/readyz` says why, until the authority can be reached."""
    keys = JwksSource(place.authority.endpoints(), limits=JwksLimits(cooldown=0.001))
    served = sidecar_app(AsyncTokenClient(place.client.config), Judge((place.authority.issuer,), keys))
    with place.authority.unavailable():
        assert ask(served, "GET", "/readyz").status_code == 503
    keys.refresh()
    assert ask(served, "GET", "/readyz").text == "ok"


def test_users_tokens_are_not_exchanged(place: Place) -> None:
    """What Texas does for people is refused with a sentence."""
    answer = place.post("/api/v1/token/exchange", {"identity_provider": "tokenx", "target": "a", "user_token": "b"})
    assert answer.status_code == 400


def test_the_authority_may_be_away(place: Place) -> None:
    """A token that cannot be had is 503, and the sidecar goes on."""
    with place.authority.unavailable():
        answer = place.token(skip_cache=True, resource=API)
    # One that is still good is better than none.
    assert answer.status_code in (200, 503)
    assert place.token().status_code == 200


def test_what_it_does_is_counted(place: Place) -> None:
    """Requests by path and status, in the text format of Prometheus, and no token in it."""
    place.token()
    text = place.get("/metrics").text
    assert 'tillit_sidecar_requests_total{path="/api/v1/token",status="200"}' in text
    assert 'tillit_refresh_seconds_count{outcome="success"}' in text
    assert "eyJ" not in text
    assert place.get("/healthz").text == "ok"
