"""Flask: an extension that validates the tokens of requests. Needs the extra `tillit[flask]`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tillit.extras import needs_extra

with needs_extra("flask"):
    from flask import Blueprint, Flask, Response, abort, current_app, g, request
    from werkzeug.local import LocalProxy

from tillit.access import ConsumerPredicate
from tillit.access_errors import AccessError
from tillit.core.access_token import AccessToken
from tillit.core.requirements import Requirement
from tillit.core.rules import Access
from tillit.errors import ConfigError
from tillit.guard import Guard, access_for
from tillit.validator import TokenValidator
from tillit.wsgi import CertificateOf, asked_of

_View = TypeVar("_View", bound=Callable[..., Any])
_NAME = "tillit"


class AccessTokens:
    """Validates the tokens of an application's requests.

    `AccessTokens(app, validator)`, or `auth = AccessTokens()` and `auth.init_app(app, validator)` later. Without a
    validator one is made from `TILLIT_ISSUER` and `TILLIT_AUDIENCE` in the application's config.
    """

    def __init__(self, app: Flask | None = None, validator: TokenValidator | None = None, **options: Any) -> None:
        if app is not None:
            self.init_app(app, validator, **options)

    def init_app(
        self,
        app: Flask,
        validator: TokenValidator | None = None,
        *,
        realm: str | None = None,
        certificate: CertificateOf | None = None,
    ) -> None:
        """Register with `app`. `certificate` finds the client's certificate (DER) in an environ. Raises ConfigError."""
        if validator is None:
            issuer, audience = app.config.get("TILLIT_ISSUER"), app.config.get("TILLIT_AUDIENCE")
            if not issuer or not audience:
                raise ConfigError("give a validator, or set TILLIT_ISSUER and TILLIT_AUDIENCE")
            validator = TokenValidator.for_issuer(issuer, audience)
        app.extensions[_NAME] = (Guard(validator, realm), certificate)

    def required(
        self, *scopes: str | Requirement | Access, consumer: ConsumerPredicate | None = None
    ) -> Callable[[_View], _View]:
        """A decorator for views, plain or async: a good token with all `scopes`, or as an AllOf, AnyOf or Access says.

        Put it below `@app.route`. Raises ConfigError.
        """
        access = access_for(scopes, consumer)

        def decorate(view: _View) -> _View:
            @functools.wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                self._admit(access)
                return current_app.ensure_sync(view)(*args, **kwargs)

            return cast("_View", guarded)

        return decorate

    def protect(
        self,
        app: Flask | Blueprint,
        *scopes: str | Requirement | Access,
        consumer: ConsumerPredicate | None = None,
    ) -> None:
        """Demand the same of every view of `app`, before it is known which one is asked for."""
        access = access_for(scopes, consumer)
        app.before_request(lambda: self._admit(access))

    def _admit(self, access: Access) -> None:
        if _NAME not in current_app.extensions:
            raise ConfigError("call init_app first")
        guard, certificate = current_app.extensions[_NAME]
        try:
            g.tillit_access_token = guard.admit(asked_of(request.environ, certificate), access)
        except AccessError as error:
            answer = guard.answer(error)
            abort(Response(answer.body, answer.status, list(answer.headers)))


def _current() -> AccessToken | None:
    token: AccessToken | None = g.get("tillit_access_token")
    return token


current_access_token: AccessToken = cast("AccessToken", LocalProxy(_current))
"""The token of the request that is being served; false where none was demanded or came."""
