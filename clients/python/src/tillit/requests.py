"""The token client as an `auth` object of requests. Needs the extra `requests`."""

from __future__ import annotations

from typing import Any

from tillit.asking import Asked, repeatable
from tillit.core.challenges import asks_for_another_token
from tillit.core.token import Token
from tillit.threads import ThreadKeeper

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

    def __init__(self, client: ThreadKeeper, request: Asked = None) -> None:
        client.require_bearer()
        self._client = client
        self._request = repeatable(request)

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
