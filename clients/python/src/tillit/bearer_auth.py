"""The token client as an `auth` object of httpx2."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx2

from tillit.asking import Asked, repeatable
from tillit.core.challenges import asks_for_another_token
from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.tasks import TaskKeeper
from tillit.threads import ThreadKeeper


class BearerAuth(httpx2.Auth):
    """Puts a token on every request, as `httpx2.Client(auth=BearerAuth(client, "a:b"))`.

    A 401 that says `invalid_token`, or nothing (RFC 6750 section 3.1), drops the token and sends the request once more
    with a new one, unless the token was fetched within the last five seconds (then the API refuses new ones too, and
    trying again would be a loop) or the body of the request cannot be sent twice.
    """

    def __init__(self, client: ThreadKeeper | TaskKeeper, request: Asked = None) -> None:
        client.require_bearer()
        self._client = client
        self._request = repeatable(request)

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Authenticate one request of an httpx2.Client."""
        if not isinstance(self._client, ThreadKeeper):
            raise ConfigError("an httpx2.Client needs a TokenClient, not an AsyncTokenClient")
        token = self._client.get(self._request)
        response = yield _with(request, token)
        if should_repeat(request, response, token):
            self._client.invalidate(token)
            yield _with(request, self._client.get(self._request))

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Authenticate one request of an httpx2.AsyncClient."""
        if not isinstance(self._client, TaskKeeper):
            raise ConfigError("an httpx2.AsyncClient needs an AsyncTokenClient, not a TokenClient")
        token = await self._client.get(self._request)
        response = yield _with(request, token)
        if should_repeat(request, response, token):
            self._client.invalidate(token)
            yield _with(request, await self._client.get(self._request))


def _with(request: httpx2.Request, token: Token) -> httpx2.Request:
    request.headers["Authorization"] = token.authorization
    return request


def should_repeat(request: httpx2.Request, response: httpx2.Response, token: Token) -> bool:
    """Whether `request` is worth sending once more with another token than `token`, and can be."""
    challenges = response.headers.get_list("www-authenticate")
    return may_repeat(request, response) and asks_for_another_token(response.status_code, challenges, token.age())


def may_repeat(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether it was the one asked that answered, and the body of `request` can be sent again."""
    # A client that follows redirects may come back from elsewhere, which knows nothing of our token.
    return response.url.origin == request.url.origin and isinstance(request.stream, httpx2.ByteStream)
