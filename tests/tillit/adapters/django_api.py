"""Django set up for these tests: its settings, its views, and an application for each test's validator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings

from tests.tillit import vectors

MIDDLEWARE = ["tillit.django.TokenMiddleware"]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "tillit.django"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=MIDDLEWARE,
        ROOT_URLCONF="tests.tillit.adapters.django_api",
        SECRET_KEY="of-no-use-to-anybody",
        TILLIT={"ISSUER": vectors.ISSUER, "AUDIENCE": vectors.API},
        REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
    )
    django.setup()

from django.urls import path, re_path  # noqa: E402 - these want the settings
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from tillit import AnyOf  # noqa: E402
from tillit.django import require_access, require_scopes, require_token  # noqa: E402
from tillit.drf import AccessTokenAuthentication, HasConsumer, HasScopes  # noqa: E402


def _answer(request: HttpRequest) -> JsonResponse:
    token = request.access_token
    return JsonResponse({"consumer": None if token is None else token.consumer.number})


async def _answer_async(request: HttpRequest) -> JsonResponse:
    return _answer(request)


class Things(APIView):  # type: ignore[misc]  # DRF has no types
    """What a provider would write."""

    authentication_classes = (AccessTokenAuthentication,)
    permission_classes = (HasScopes(vectors.SCOPE),)

    def get(self, request: Any) -> Response:
        """Who calls."""
        return Response({"consumer": request.auth.consumer.number, "user": str(request.user)})

    post = get


class Admitted(Things):
    """For one consumer."""

    permission_classes = (HasScopes(vectors.SCOPE) & HasConsumer(lambda consumer: consumer.number == "974760673"),)


urlpatterns = [
    path("sync", require_scopes(vectors.SCOPE)(_answer)),
    path("async", require_scopes(vectors.SCOPE)(_answer_async)),
    path("either", require_access(AnyOf("x:other", vectors.SCOPE))(_answer)),
    path("admitted", require_access(consumer=lambda consumer: consumer.number == "974760673")(_answer)),
    path("token", require_token(_answer)),
    path("drf", Things.as_view()),
    path("drf/admitted", Admitted.as_view()),
    re_path(r"^.*$", _answer),
]


@contextmanager
def application(tillit: Mapping[str, Any], *, awaited: bool = False, middleware: bool = True) -> Iterator[Any]:
    """Django with `settings.TILLIT`, for WSGI or ASGI."""
    used = MIDDLEWARE if middleware else []
    with override_settings(TILLIT=dict(tillit), MIDDLEWARE=used):
        yield ASGIHandler() if awaited else WSGIHandler()
