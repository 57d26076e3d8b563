"""The middleware, for WSGI and ASGI alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from tillit.access_errors import AccessError
from tillit.core.access_token import AccessToken
from tillit.core.htu import escaped_path
from tillit.core.rules import Access
from tillit.django.configured import Configured, guard_of, settings_of
from tillit.errors import ConfigError
from tillit.guard import Answer, Asked


class TokenMiddleware:
    """Sets `request.access_token`: the validated token, or None if none came and the rules do not want one.

    A request with a bad token is refused, whatever it asks for. Raises ImproperlyConfigured when Django starts.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        try:
            self._configured = guard_of(settings_of())
        except ConfigError as error:
            raise ImproperlyConfigured(str(error)) from error
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        if self._is_async:
            return self._serve_async(request)
        try:
            token = self._configured.guard.admit(asked_of(request, self._configured), self._access(request))
        except AccessError as error:
            return response(self._configured.guard.answer(error), request.method)
        return self._get_response(_marked(request, token, self._configured))

    async def _serve_async(self, request: HttpRequest) -> Any:
        try:
            token = await self._configured.guard.aadmit(asked_of(request, self._configured), self._access(request))
        except AccessError as error:
            return response(self._configured.guard.answer(error), request.method)
        return await self._get_response(_marked(request, token, self._configured))

    def _access(self, request: HttpRequest) -> Access:
        scope = getattr(request, "scope", None)
        raw = scope.get("raw_path") if isinstance(scope, dict) else None
        if raw is None and isinstance(uri := request.META.get("REQUEST_URI"), str):
            raw = uri.encode("utf-8", "replace")
        return self._configured.rules.access(request.path_info, request.method or "", raw)


def _marked(request: HttpRequest, token: AccessToken | None, configured: Configured) -> HttpRequest:
    request.access_token = token
    request.tillit = configured
    return request


def asked_of(request: HttpRequest, configured: Configured) -> Asked:
    """What a request's token is judged by. Django joins headers that came twice, and no token has a comma."""
    meta = request.META
    lines = [(meta[name],) if name in meta else () for name in ("HTTP_AUTHORIZATION", "HTTP_DPOP")]
    der = configured.certificate(request) if configured.certificate else None
    return Asked(lines[0], request.method or "", escaped_path(request.path), lines[1], der)


def response(answer: Answer, method: str | None) -> HttpResponseBase:
    """The answer as Django's."""
    made = HttpResponse(answer.body_for(method or ""), status=answer.status)
    for name, value in answer.headers:
        made[name] = value
    return made
