"""The FastAPI adapter, over real HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import httpx2
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Security

from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import AccessToken, AllOf, AnyOf, BearerAuth, ClientConfig, TokenClient, TokenValidator
from tillit.core.access_token import Organisation
from tillit.fastapi import AuthorityBearer

API = "https://api.example.no/"


def build(auth: AuthorityBearer, optional: AuthorityBearer) -> FastAPI:
    """An API as a provider would write it."""
    app = FastAPI()

    def admitted(consumer: Organisation) -> bool:
        return consumer.number == "991825827"

    @app.get("/any")
    def any_token(token: Annotated[AccessToken, Security(auth)]) -> dict[str, Any]:
        return {"consumer": token.consumer.number}

    @app.get("/read")
    def read(token: Annotated[AccessToken, Security(auth, scopes=["x:read"])]) -> dict[str, Any]:
        return {"consumer": token.consumer.number, "scopes": sorted(token.scopes)}

    @app.get("/both")
    def both(token: Annotated[AccessToken, Security(auth, scopes=["x:read", "x:write"])]) -> dict[str, Any]:
        return {"scopes": sorted(token.scopes)}

    @app.get("/either")
    def either(token: Annotated[AccessToken, Depends(auth.require(AnyOf("x:read", "x:write")))]) -> dict[str, Any]:
        return {"scopes": sorted(token.scopes)}

    @app.get("/admitted")
    def only(
        token: Annotated[AccessToken, Depends(auth.require(AllOf("x:read"), consumer=admitted))],
    ) -> dict[str, Any]:
        return {"consumer": token.consumer.number}

    @app.get("/optional")
    def maybe(token: Annotated[AccessToken | None, Security(optional)]) -> dict[str, Any]:
        return {"consumer": None if token is None else token.consumer.number}

    return app


@contextmanager
def served(app: FastAPI) -> Iterator[httpx2.Client]:
    """The application behind a real server, and a client for it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as http:
        yield http
    server.should_exit = True
    thread.join()


@pytest.fixture
def auth(authority: StubAuthority, clock: ManualClock) -> AuthorityBearer:
    return AuthorityBearer(TokenValidator.for_issuer(authority.issuer, API, clock=clock), realm="api")


@pytest.fixture
def app(auth: AuthorityBearer, authority: StubAuthority, clock: ManualClock) -> FastAPI:
    validator = TokenValidator.for_issuer(authority.issuer, API, clock=clock)
    return build(auth, AuthorityBearer(validator, auto_error=False))


@pytest.fixture
def api(app: FastAPI) -> Iterator[httpx2.Client]:
    with served(app) as http:
        yield http


def bearer(token: str) -> dict[str, str]:
    """The header with `token`."""
    return {"Authorization": f"Bearer {token}"}


def test_client_and_validator_fit(api: httpx2.Client, config: ClientConfig, clock: ManualClock) -> None:
    """A token got by the client opens the API that the validator guards."""
    client = TokenClient(config, clock=clock)
    response = api.get("/read", auth=BearerAuth(client, "x:read"))
    assert response.status_code == 200
    assert response.json() == {"consumer": "991825827", "scopes": ["x:read"]}


@pytest.mark.parametrize("path", ["/any", "/read", "/either", "/admitted"])
def test_without_a_token_there_is_a_bare_challenge(api: httpx2.Client, path: str) -> None:
    """No credentials: 401 and a challenge without an error code (RFC 6750 section 3.1), body JSON."""
    for headers in ({}, {"Authorization": "Basic dTpw"}):
        response = api.get(path, headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert response.json()["detail"]["error"] == "unauthorized"


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", 'Bearer "a"', "Bearer a,b"])
def test_malformed_credentials_are_a_bad_request(api: httpx2.Client, value: str) -> None:
    """Credentials that are not of the form of RFC 6750 section 2.1: 400 invalid_request."""
    response = api.get("/any", headers={"Authorization": value})
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_two_tokens_are_a_bad_request(api: httpx2.Client, authority: StubAuthority) -> None:
    """Two Authorization headers: neither is chosen."""
    token = authority.mint()
    response = api.get("/any", headers=[("Authorization", f"Bearer {token}")] * 2)
    assert response.status_code == 400


def test_wrong_tokens_are_invalid(api: httpx2.Client, authority: StubAuthority, clock: ManualClock) -> None:
    """Rubbish, a foreign audience and an expired token: 401 invalid_token, with no word of the token."""
    now = int(clock.time())
    for token in ("abc", "a.b.c", authority.mint(aud="https://x.example/"), authority.mint(iat=now - 99, exp=now - 11)):
        response = api.get("/read", headers=bearer(token))
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_token"')
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["detail"]["error"] == "invalid_token"


def test_missing_scope_is_named(api: httpx2.Client, authority: StubAuthority) -> None:
    """A token without the scopes: 403 insufficient_scope, and the challenge lists what is needed."""
    token = authority.mint(scope="x:read")
    assert api.get("/read", headers=bearer(token)).status_code == 200
    response = api.get("/both", headers=bearer(token))
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    assert 'scope="x:read x:write"' in response.headers["WWW-Authenticate"]


def test_any_of_and_consumer(api: httpx2.Client, authority: StubAuthority) -> None:
    """require() adds AnyOf and a predicate on the consumer."""
    other = {"authority": "iso6523-actorid-upis", "ID": "0192:889640782"}
    assert api.get("/either", headers=bearer(authority.mint(scope="x:write"))).status_code == 200
    assert api.get("/either", headers=bearer(authority.mint(scope="x:admin"))).status_code == 403
    assert api.get("/admitted", headers=bearer(authority.mint())).status_code == 200
    refused = api.get("/admitted", headers=bearer(authority.mint(consumer=other)))
    assert refused.status_code == 403
    assert "scope=" not in refused.headers["WWW-Authenticate"]


def test_optional_token(api: httpx2.Client, authority: StubAuthority) -> None:
    """auto_error=False gives None without a token, and still refuses a bad one."""
    assert api.get("/optional").json() == {"consumer": None}
    assert api.get("/optional", headers=bearer(authority.mint())).json() == {"consumer": "991825827"}
    assert api.get("/optional", headers=bearer("a.b.c")).status_code == 401


def test_keys_that_cannot_be_had_are_503(api: httpx2.Client, authority: StubAuthority, clock: ManualClock) -> None:
    """While no keys are known every token gets 503 with Retry-After; known keys outlast an outage."""
    token = authority.mint()
    authority.down.add("/jwk")
    response = api.get("/any", headers=bearer(token))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in response.headers
    authority.down.clear()
    clock.advance(5)
    assert api.get("/any", headers=bearer(token)).status_code == 200
    authority.down.add("/jwk")
    clock.advance(400)
    assert api.get("/any", headers=bearer(authority.mint())).status_code == 200


def test_override_replaces_the_validator(app: FastAPI, auth: AuthorityBearer, api: httpx2.Client) -> None:
    """dependency_overrides[auth] gives every endpoint the test's token; require() still checks it."""
    consumer = Organisation("iso6523-actorid-upis", "0192", "889640782")
    fake = AccessToken("i", "c", consumer, frozenset({"x:read"}), 0, 1, "j")
    app.dependency_overrides[auth] = lambda: fake

    assert api.get("/read").json() == {"consumer": "889640782", "scopes": ["x:read"]}
    assert api.get("/either").status_code == 200
    assert api.get("/admitted").status_code == 403


def test_scheme_is_in_the_description(api: httpx2.Client) -> None:
    """OpenAPI names the scheme, and the scopes each operation wants."""
    description = api.get("/openapi.json").json()
    assert description["components"]["securitySchemes"]["AuthorityBearer"]["scheme"] == "bearer"
    assert {"AuthorityBearer": ["x:read"]} in description["paths"]["/read"]["get"]["security"]


def test_lifespan_fetches_keys_first(auth: AuthorityBearer, authority: StubAuthority, keys: Keys) -> None:
    """With auth.lifespan the keys are there before the first request."""
    app = FastAPI(lifespan=auth.lifespan)

    @app.get("/any")
    def any_token(token: Annotated[AccessToken, Security(auth)]) -> str:
        return token.consumer.number

    with served(app) as http:
        assert authority.hits["/jwk"] == 1
        assert http.get("/any", headers=bearer(authority.mint())).status_code == 200
    assert authority.hits["/jwk"] == 1
