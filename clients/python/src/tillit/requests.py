"""The token client as an `auth` object of requests. Needs the extra `requests`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tillit.core.challenges import asks_for_another_token
from tillit.core.request import TokenRequest
from tillit.core.token import Token
from tillit.errors import ConfigError
from tillit.getters import ThreadGetter

try:
    from requests import PreparedRequest, Response
    from requests.auth import AuthBase
except ImportError:
    raise ImportError("tillit.requests needs the extra requests: install tillit[requests]") from None


class RequestsAuth(AuthBase):
    """Puts a token on every request, as `requests.get(url, auth=RequestsAuth(client, "a:b"))`.

    A 401 that says `invalid_token`, or nothing (RFC 6750 section 3.1), drops the token and sends the request once more
    with a new one, unless the token was fetched within the last five seconds or the body cannot be sent twice.
    Raises ConfigError for a client whose tokens are bound to a key.
    """

    def __init__(self, client: ThreadGetter, request: TokenRequest | str | Iterable[str] | None = None) -> None:
        if client.prover is not None:
            raise ConfigError("the client's tokens are bound to a key, and each request needs a proof")
        self._client = client
        self._request = request if request is None or isinstance(request, str | TokenRequest) else tuple(request)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate one request. Raises what `TokenClient.get` does."""
        token = self._client.get(self._request)
        request.headers["Authorization"] = token.authorization
        request.register_hook("response", lambda response, **options: self._answered(response, token, options))
        return request

    def _answered(self, response: Response, token: Token, options: dict[str, Any]) -> Response:
        sent = response.request
        # A redirect to another host has lost the header: what that host says is nothing about our token.
        if sent.headers.get("Authorization") != token.authorization or not _should_repeat(response, token):
            return response
        self._client.invalidate(token)
        renewed = self._client.get(self._request)
        # Read to the end, so that the connection can be used again.
        _ = response.content
        response.close()
        again = sent.copy()
        again.headers["Authorization"] = renewed.authorization
        answer: Response = response.connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        return answer


def _should_repeat(response: Response, token: Token) -> bool:
    body = response.request.body
    if body is not None and not isinstance(body, bytes | str):
        return False
    challenge = response.headers.get("WWW-Authenticate")
    return asks_for_another_token(response.status_code, [] if challenge is None else [challenge], token.age())
