"""Starlette: tokens for its AuthenticationMiddleware and its endpoints. Needs the extra `tillit[starlette]`.

`TokenMiddleware` is that of `tillit.asgi`: rules for paths, websockets included.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tillit.extras import needs_extra

with needs_extra("starlette"):
    from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, BaseUser
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

from tillit.access import ConsumerPredicate
from tillit.access_errors import AccessError, MissingToken
from tillit.asgi import CertificateOf, TokenMiddleware, access_token, asked_of, refuse
from tillit.core.access_token import AccessToken
from tillit.core.requirements import Requirement
from tillit.core.rules import OPEN, Access
from tillit.guard import Answer, Guard, access_for
from tillit.validator import TokenValidator

__all__ = ["BearerBackend", "TokenMiddleware", "TokenUser", "access_token", "requires_scopes"]

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_GUARD = "tillit.guard"


class TokenUser(BaseUser):
    """The consumer of a token as Starlette's `request.user`."""

    def __init__(self, token: AccessToken) -> None:
        self.access_token = token

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.access_token.consumer.id

    @property
    def identity(self) -> str:
        return self.access_token.consumer.id


class _Refused(AuthenticationError):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class BearerBackend(AuthenticationBackend):
    """A backend for Starlette's AuthenticationMiddleware: `request.auth.scopes` and `request.user.access_token`.

    A request without a token is let through as nobody's; one with a bad token is refused. Pass
    `on_error=backend.on_error` to the middleware too, which words the refusals.
    """

    def __init__(
        self, validator: TokenValidator, *, realm: str | None = None, certificate: CertificateOf | None = None
    ) -> None:
        self._guard = Guard(validator, realm)
        self._certificate = certificate

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """The scopes and the consumer of a request's token."""
        conn.scope[_GUARD] = self._guard
        conn.scope["tillit.access_token"] = None
        try:
            token = await self._guard.aadmit(asked_of(conn.scope, self._certificate), OPEN)
        except AccessError as error:
            raise _Refused(self._guard.answer(error)) from error
        if token is None:
            return None
        conn.scope["tillit.access_token"] = token
        return AuthCredentials(sorted(token.scopes)), TokenUser(token)

    @staticmethod
    def on_error(conn: HTTPConnection, error: AuthenticationError) -> Response:
        """The answer to a request with a bad token."""
        if not isinstance(error, _Refused):
            raise error
        return _response(error.answer, str(conn.scope.get("method", "GET")))


def requires_scopes(
    *scopes: str | Requirement | Access, consumer: ConsumerPredicate | None = None
) -> Callable[[_Endpoint], _Endpoint]:
    """A decorator for endpoints behind BearerBackend: functions, plain or async, of a Request or a WebSocket.

    Raises ConfigError.
    """
    access = access_for(scopes, consumer)

    def decorate(endpoint: _Endpoint) -> _Endpoint:
        @functools.wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            conn = next(arg for arg in (*args, *kwargs.values()) if isinstance(arg, HTTPConnection))
            answer = _judge(conn, access)
            if answer is None:
                if inspect.iscoroutinefunction(endpoint):
                    return await endpoint(*args, **kwargs)
                return await run_in_threadpool(endpoint, *args, **kwargs)
            if isinstance(conn, WebSocket):
                await refuse(answer, conn.scope, conn.receive, cast("Any", conn.send))
                return None
            return _response(answer, conn.method if isinstance(conn, Request) else "GET")

        return cast("_Endpoint", guarded)

    return decorate


def _judge(conn: HTTPConnection, access: Access) -> Answer | None:
    guard = conn.scope.get(_GUARD)
    if not isinstance(guard, Guard):
        raise RuntimeError("requires_scopes needs AuthenticationMiddleware with a BearerBackend")  # noqa: TRY004
    token = access_token(conn.scope)
    try:
        if token is not None:
            access.check(token)
        elif not access.optional:
            raise MissingToken("no token came")
    except AccessError as error:
        return guard.answer(error)
    return None


def _response(answer: Answer, method: str) -> Response:
    return Response(answer.body_for(method), answer.status, dict(answer.headers))
