"""Authlib as a client: its AssertionSession (requests) and AssertionClient, AsyncAssertionClient (httpx2)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from json import loads
from pathlib import Path
from typing import Any

import pytest
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AssertionClient, AsyncAssertionClient
from authlib.integrations.requests_client import AssertionSession
from joserfc.jwk import import_key

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient

PAGE = Path(__file__).parents[2] / "docs/how-to/use-authlib-as-client.md"
RECIPE, FETCH, ASYNC_RECIPE = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def follow(*code: str) -> dict[str, Any]:
    """Run code of the how-to page, and return the names it makes."""
    names: dict[str, Any] = {}
    for block in code:
        exec(block, names)  # noqa: S102 - the page must work as it is written
    return names


def settings(authority: Authority, client: RegisteredClient) -> dict[str, Any]:
    """Return the arguments that every one of Authlib's assertion clients takes."""
    return {
        "token_endpoint": f"{authority.issuer}token",
        "issuer": client.id,
        "subject": client.id,
        "audience": authority.issuer,
        "claims": {"scope": " ".join(client.scopes)},
        "key": import_key(client.key.pem, "RSA" if client.key.alg.startswith("RS") else "EC"),
        "header": {"alg": client.key.alg, "kid": client.key.kid},
        "expires_in": 100,
    }


def jti(token: dict[str, Any]) -> str:
    """Return the `jti` of the access token in a token response."""
    segment: str = token["access_token"].split(".")[1]
    return str(loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))["jti"])


@pytest.mark.parametrize("library", [AssertionSession, AssertionClient])
def test_authlib_with_fresh_claims_fetches_again_and_again(
    standard: Authority, client: RegisteredClient, library: Any
) -> None:
    """With the mixin of the how-to page, Authlib's client fetches three tokens one after the other."""
    fresh = type("Fresh", (follow(RECIPE)["FreshClaims"], library), {})
    with fresh(**settings(standard, client)) as authlib:
        tokens = [dict(authlib.refresh_token()) for _ in range(3)]
    assert len({jti(token) for token in tokens}) == 3
    assert {token["scope"] for token in tokens} == {client.scopes[0]}


async def test_authlib_with_fresh_claims_fetches_again_and_again_asynchronously(
    standard: Authority, client: RegisteredClient
) -> None:
    """The asynchronous client of the how-to page fetches three tokens one after the other."""
    fresh = follow(RECIPE, ASYNC_RECIPE)["AsyncTokenClient"]
    async with fresh(**settings(standard, client)) as authlib:
        tokens = [dict(await authlib.refresh_token()) for _ in range(3)]
    assert len({jti(token) for token in tokens}) == 3


def test_the_how_to_page_works_as_it_is_written(standard: Authority, tmp_path: Path) -> None:
    """The page's own code, told the addresses and names of this test, gets a token and calls with it."""
    client = standard.registry.granted_client(alg="ES256")
    (tmp_path / "private.pem").write_text(client.key.pem)
    here = {
        "http://localhost:9000/incomes": f"{standard.issuer}jwk",
        "http://localhost:8080/": standard.issuer,
        "my-client-id": client.id,
        "my-kid": client.key.kid,
        "demo:read": client.scopes[0],
        "private.pem": str(tmp_path / "private.pem"),
    }
    code = FETCH
    for there, mine in here.items():
        assert there in code
        code = code.replace(there, mine)
    made = follow(RECIPE, code)
    with made["session"] as session:
        assert made["answer"].request.headers["Authorization"] == f"Bearer {session.token['access_token']}"


@pytest.mark.parametrize("library", [AssertionClient, AssertionSession])
def test_authlib_as_it_comes_repeats_its_jti_and_is_told_so(
    standard: Authority, client: RegisteredClient, library: Any
) -> None:
    """With a plain claims dict Authlib's second fetch repeats the jti, and the refusal says what each request needs."""
    with library(**settings(standard, client)) as authlib:
        authlib.refresh_token()
        with pytest.raises(AuthlibBaseError) as refused:
            authlib.refresh_token()
    assert refused.value.error == "invalid_grant"
    assert refused.value.description.startswith("MP-012: ")
    assert "Every request needs a new assertion with a new jti" in refused.value.description


async def test_asynchronous_authlib_as_it_comes_repeats_its_jti_and_is_told_so(
    standard: Authority, client: RegisteredClient
) -> None:
    """With a plain claims dict the asynchronous client's second fetch is refused as used before."""
    async with AsyncAssertionClient(**settings(standard, client)) as authlib:
        await authlib.refresh_token()
        with pytest.raises(AuthlibBaseError, match="MP-012"):
            await authlib.refresh_token()


def test_authlib_without_claims_sends_its_scope_in_the_form(standard: Authority, client: RegisteredClient) -> None:
    """Authlib's `scope` argument goes into the form beside the assertion, is honoured there, and works repeatedly."""
    plain = {**settings(standard, client), "claims": None, "scope": client.scopes[0], "client_id": client.id}
    with AssertionClient(**plain) as authlib:
        tokens = [dict(authlib.refresh_token()) for _ in range(2)]
    assert {token["scope"] for token in tokens} == {client.scopes[0]}
