"""Decorators for views, plain and async."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

from tillit.access import ConsumerPredicate
from tillit.access_errors import AccessError, MissingToken
from tillit.core.requirements import Requirement
from tillit.core.rules import TOKEN, Access
from tillit.django.configured import Configured
from tillit.django.middleware import response
from tillit.guard import access_for

_View = TypeVar("_View", bound=Callable[..., Any])


def require_scopes(*scopes: str) -> Callable[[_View], _View]:
    """A token with all of `scopes`. Raises ConfigError."""
    return _decorator(access_for(scopes))


def require_access(
    *scopes: str | Requirement | Access, consumer: ConsumerPredicate | None = None
) -> Callable[[_View], _View]:
    """A token as an AllOf, AnyOf or Access says, whose consumer satisfies `consumer`. Raises ConfigError."""
    return _decorator(access_for(scopes, consumer))


def require_token(view: _View) -> _View:
    """A good token, whatever its scopes."""
    return _decorator(TOKEN)(view)


def _decorator(access: Access) -> Callable[[_View], _View]:
    def decorate(view: _View) -> _View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _refused(request, access) or await view(request, *args, **kwargs)

            return cast("_View", guarded_async)

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return _refused(request, access) or view(request, *args, **kwargs)

        return cast("_View", guarded)

    return decorate


def _refused(request: HttpRequest, access: Access) -> HttpResponseBase | None:
    configured = getattr(request, "tillit", None)
    if not isinstance(configured, Configured):
        raise ImproperlyConfigured("tillit.django.TokenMiddleware is not in MIDDLEWARE")
    token = request.access_token
    try:
        if token is not None:
            access.check(token)
        elif not access.optional:
            raise MissingToken("no token came")
    except AccessError as error:
        return response(configured.guard.answer(error), request.method)
    return None
