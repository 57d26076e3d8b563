"""The token client with DPoP as an `auth` object of httpx2."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx2

from tillit.aio import AsyncTokenClient
from tillit.asking import Asked, repeatable
from tillit.bearer_auth import may_repeat, should_repeat
from tillit.client import TokenClient
from tillit.core.challenges import names_error
from tillit.core.token import Token
from tillit.dpop import Prover
from tillit.errors import ConfigError
from tillit.keeper import TokenKeeper


class DpopAuth(httpx2.Auth):
    """Puts a token and a fresh proof on every request, as `httpx2.Client(auth=DpopAuth(client, "a:b"))`.

    The client's configuration must have a `dpop` key. An API that wants a nonce is sent the request once more with it;
    one that refuses the token is sent it once more with a new token, as `BearerAuth` does. Neither happens twice, nor
    where the body cannot be sent again.
    """

    def __init__(self, client: TokenClient | AsyncTokenClient, request: Asked = None) -> None:
        self._client = client
        self._prover = prover_of(client)
        self._request = repeatable(request)

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Authenticate one request of an httpx2.Client."""
        if not isinstance(self._client, TokenClient):
            raise ConfigError("an httpx2.Client needs a TokenClient, not an AsyncTokenClient")
        token = self._client.get(self._request)
        response = yield self._with(request, token)
        if self._wants_nonce(request, response):
            response = yield self._with(request, token)
        if should_repeat(request, response, token):
            self._client.invalidate(token)
            response = yield self._with(request, self._client.get(self._request))
        self._learn(response)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Authenticate one request of an httpx2.AsyncClient."""
        if not isinstance(self._client, AsyncTokenClient):
            raise ConfigError("an httpx2.AsyncClient needs an AsyncTokenClient, not a TokenClient")
        token = await self._client.get(self._request)
        response = yield self._with(request, token)
        if self._wants_nonce(request, response):
            response = yield self._with(request, token)
        if should_repeat(request, response, token):
            self._client.invalidate(token)
            response = yield self._with(request, await self._client.get(self._request))
        self._learn(response)

    def _with(self, request: httpx2.Request, token: Token) -> httpx2.Request:
        request.headers.update(self._prover.headers(request.method, str(request.url), token))
        return request

    def _learn(self, response: httpx2.Response) -> bool:
        # The nonce is that of whoever answered, which a redirect makes another than was asked.
        return self._prover.learn(str(response.url), {"dpop-nonce": response.headers.get("dpop-nonce", "")})

    def _wants_nonce(self, request: httpx2.Request, response: httpx2.Response) -> bool:
        learnt = self._learn(response)
        challenges = response.headers.get_list("www-authenticate")
        wanted = response.status_code == 401 and names_error(challenges, "use_dpop_nonce")
        return learnt and wanted and may_repeat(request, response)


def prover_of(client: TokenKeeper) -> Prover:
    """The one that makes the proofs of `client`. Raises ConfigError when its configuration has no `dpop` key."""
    if client.prover is None:
        raise ConfigError("the client's configuration has no dpop key; set ClientConfig(dpop=True)")
    return client.prover
