"""Authlib as a client: its AssertionSession (requests) and AssertionClient, AsyncAssertionClient (httpx2)."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from json import loads
from typing import Any

import pytest
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AssertionClient, AsyncAssertionClient
from authlib.integrations.requests_client import AssertionSession
from joserfc.jwk import import_key

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient


class FreshClaims:
    """What the how-to page tells users of Authlib to mix in: other claims for every assertion, so another `jti`."""

    _claims: dict[str, Any] | None

    @property
    def claims(self) -> dict[str, Any] | None:
        """A new dict each time, since Authlib writes the `jti` into the one it is given."""
        return None if self._claims is None else dict(self._claims)

    @claims.setter
    def claims(self, claims: dict[str, Any] | None) -> None:
        self._claims = claims


class FreshAssertionClient(FreshClaims, AssertionClient):  # type: ignore[misc]
    """Authlib's synchronous client over httpx2."""


class FreshAssertionSession(FreshClaims, AssertionSession):  # type: ignore[misc]
    """Authlib's client over requests."""


class FreshAsyncAssertionClient(FreshClaims, AsyncAssertionClient):  # type: ignore[misc]
    """Authlib's asynchronous client over httpx2."""


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


@pytest.mark.parametrize("library", [FreshAssertionClient, FreshAssertionSession])
def test_authlib_with_fresh_claims_fetches_again_and_again(
    standard: Authority, client: RegisteredClient, library: Any
) -> None:
    """With fresh claims per fetch, Authlib's client fetches three tokens one after the other."""
    with library(**settings(standard, client)) as authlib:
        tokens = [dict(authlib.refresh_token()) for _ in range(3)]
    assert len({jti(token) for token in tokens}) == 3
    assert {token["scope"] for token in tokens} == {client.scopes[0]}


async def test_authlib_with_fresh_claims_fetches_again_and_again_asynchronously(
    standard: Authority, client: RegisteredClient
) -> None:
    """With fresh claims per fetch, Authlib's asynchronous client fetches three tokens one after the other."""
    async with FreshAsyncAssertionClient(**settings(standard, client)) as authlib:
        tokens = [dict(await authlib.refresh_token()) for _ in range(3)]
    assert len({jti(token) for token in tokens}) == 3


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


def test_authlib_guards_its_api_calls_with_a_token_it_fetched(standard: Authority, client: RegisteredClient) -> None:
    """An API call through Authlib's session carries a bearer token, and its expiry is the one we told."""
    with FreshAssertionSession(**settings(standard, client)) as authlib:
        called = authlib.get(f"{standard.issuer}.well-known/oauth-authorization-server")
        assert called.request.headers["Authorization"] == f"Bearer {authlib.token['access_token']}"
        assert abs(authlib.token["expires_at"] - time.time() - authlib.token["expires_in"]) < 60
