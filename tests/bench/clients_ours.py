"""`tillit`'s two clients, and an authority that answers them once each, from memory."""

from __future__ import annotations

import httpx2

from tests.bench.assertions import Key
from tillit import AsyncTokenClient, Authority, ClientConfig, TokenClient, signers

SCOPE = "example:read"
ISSUER = "https://authority.example.no/"
LIFETIME = 3600
# As long as a token of the standard profile.
ACCESS_TOKEN = "x" * 900


class OneToken:
    """Answers one token request and no other: a client that asks again does not keep its token."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self, _request: httpx2.Request) -> httpx2.Response:
        if self._asked:
            return httpx2.Response(400, json={"error": "invalid_request", "error_description": "asked twice"})
        self._asked = True
        answer = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": LIFETIME, "scope": SCOPE}
        return httpx2.Response(200, json=answer)


def threaded_client(key: Key) -> TokenClient:
    """A client for threads with a token in its cache."""
    client = TokenClient(_config(key), http=httpx2.Client(transport=httpx2.MockTransport(OneToken())))
    client.get()
    return client


def awaiting_client(key: Key) -> AsyncTokenClient:
    """A client for asyncio that has yet to ask for its token."""
    return AsyncTokenClient(_config(key), http=httpx2.AsyncClient(transport=httpx2.MockTransport(OneToken())))


def _config(key: Key) -> ClientConfig:
    authority = Authority(ISSUER, f"{ISSUER}token")
    return ClientConfig(authority, "client-1", signers.from_pem(key.pem, kid=key.kid), default_scopes=(SCOPE,))
