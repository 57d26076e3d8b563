"""The token client as a middleware of aiohttp's client. Needs the extra `aiohttp`."""

from __future__ import annotations

from tillit.asking import Asked, repeatable
from tillit.core.challenges import asks_for_another_token
from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.extras import needs_extra
from tillit.tasks import TaskKeeper

with needs_extra("aiohttp"):
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
    from aiohttp.payload import AsyncIterablePayload
    from yarl import URL


class TokenMiddleware:
    """Puts a token on every request to `api`, as `ClientSession(middlewares=[TokenMiddleware(client, api, "a:b")])`.

    `api` is the address of the API; only its scheme, host and port count. Requests to other places go as they are:
    aiohttp calls its middlewares for each redirect, and a token must not follow one to another host.

    A 401 that says `invalid_token`, or nothing (RFC 6750 section 3.1), drops the token and sends the request once more
    with a new one, unless the token was fetched within the last five seconds or the body cannot be sent twice.
    Raises ConfigError for a client that is not asynchronous, one whose tokens are bound to a key, and an `api` that is
    no address.
    """

    def __init__(self, client: TaskKeeper, api: str, request: Asked = None) -> None:
        if not isinstance(client, TaskKeeper):
            raise ConfigError("aiohttp needs an AsyncTokenClient")
        client.require_bearer()
        try:
            self._origin = URL(api).origin()
        except ValueError:
            raise ConfigError("api must be an address, as https://api.example.no/") from None
        self._client = client
        self._request = repeatable(request)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Authenticate one request. Raises what `AsyncTokenClient.get` does."""
        if request.url.origin() != self._origin:
            return await handler(request)
        token = await self._client.get(self._request)
        request.headers["Authorization"] = token.authorization
        response = await handler(request)
        if not _should_repeat(request, response, token):
            return response
        # Read to the end, so that the connection can be used again, whatever comes of the next token.
        await response.read()
        response.release()
        self._client.invalidate(token)
        renewed = await self._client.get(self._request)
        request.headers["Authorization"] = renewed.authorization
        return await handler(request)


def _should_repeat(request: ClientRequest, response: ClientResponse, token: Token) -> bool:
    # An iterable is gone once it is sent; what else has been used up says so.
    if isinstance(request.body, AsyncIterablePayload) or (request.body and request.body.consumed):
        return False
    return asks_for_another_token(response.status, response.headers.getall("WWW-Authenticate", []), token.age())
