"""DPoP through every adapter: the nonce is handed out, and a proof is good for its request alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import override_settings
from rest_framework.response import Response

from tests.tillit import vectors
from tests.tillit.adapters import django_api, matrix
from tests.tillit.adapters.apps import ADAPTERS
from tests.tillit.adapters.calls import asgi_caller, wsgi_caller, wsgi_environ
from tests.tillit.adapters.matrix import NEEDED, Call, Case, sent
from tests.tillit.by_hand import compact, unb64
from tests.tillit.vector_keys import vector_keys
from tillit import DpopKey, DpopNonces, DpopVerifier, Rule, TokenValidator
from tillit import wsgi as tillit_wsgi
from tillit.asgi import TokenMiddleware
from tillit.drf import AccessTokenAuthentication, Refused

API = "https://api.example.no"
KEY = DpopKey.generate()
# Where each adapter's API is, if not at the root.
PATHS = {
    "django": "/sync",
    "django rules": "/other",
    "django async": "/async",
    "drf": "/drf",
    "grpc": "/t.Api/One",
    "grpc aio": "/t.Api/One",
}


def bound() -> str:
    """A token of the vectors, bound to the key."""
    head, claims, _ = matrix.token().split(".")
    members = json.loads(unb64(claims)) | {"cnf": {"jkt": KEY.thumbprint}}
    return compact(vector_keys("authority")["ES256"], "ES256", json.loads(unb64(head)), members)


def protected() -> TokenValidator:
    """A validator that takes proofs with nonces."""
    return matrix.validator(DpopVerifier(API, nonces=DpopNonces(bytes(32))))


def request(path: str, nonce: str | None = None, method: str = "GET", token: str = "") -> Case:
    """One with a new proof for `path`, and a token if not the usual one."""
    shown = token or bound()
    proof = KEY.proof(method, API + path, now=vectors.NOW, nonce=nonce, token=shown)
    return Case("bound", "ok", sent(f"DPoP {shown}") + sent(proof, b"dpop"))


@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_every_adapter_gives_the_nonce_and_takes_it_once(adapter: str) -> None:
    """Without it 401 and a new one in a header of its own, with it 200, and 401 when the same is sent again."""
    path, method = PATHS.get(adapter, "/"), "POST" if "grpc" in adapter else "GET"
    with ADAPTERS[adapter](protected()) as call:
        refused = call(request(path, method=method))
        assert (refused.status, refused.code) == (401, "use_dpop_nonce")
        good = request(path, refused.headers["dpop-nonce"], method)
        assert call(good).status == 200
        again = call(good)
        assert (again.status, again.code) == (401, "invalid_dpop_proof")
        assert str(again.challenge).startswith('DPoP realm="api", error="invalid_dpop_proof"')
        two = Case("two", "ok", good.headers + sent(b"x", b"dpop"))
        assert call(two).code == "invalid_dpop_proof"


def silent(error: Exception, _context: object) -> Response:
    """An exception handler of a site's own, which knows nothing of headers."""
    return Response({"sorry": True}, status=getattr(error, "status_code", 500))


def test_drf_gives_the_nonce_whoever_handles_exceptions() -> None:
    """A site's own exception handler does not lose it."""
    handler = {"EXCEPTION_HANDLER": silent, "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
    with override_settings(REST_FRAMEWORK=handler), ADAPTERS["drf"](protected()) as call:
        refused = call(request("/drf"))
        assert (refused.status, refused.body) == (401, b'{"sorry":true}')
        assert call(request("/drf", refused.headers["dpop-nonce"])).status == 200


async def served(_scope: Any, _receive: Any, send: Any) -> None:
    """An application that serves whatever gets to it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def served_wsgi(_environ: Any, start_response: Any) -> list[bytes]:
    """The same."""
    start_response("200 OK", [])
    return [b"{}"]


@contextmanager
def api_at(server: str, path: bytes) -> Iterator[Call]:
    """A caller of `path` at an API of which every path wants a token."""
    validator = protected()
    settings = {"VALIDATOR": validator, "RULES": [Rule("/", NEEDED)]}
    with django_api.application(settings, awaited=server == "django async") as site, asyncio.Runner() as runner:
        if server == "wsgi":
            yield wsgi_caller(tillit_wsgi.TokenMiddleware(served_wsgi, validator), path)
        elif server == "django":
            yield wsgi_caller(site, path)
        elif server == "django async":
            yield asgi_caller(site, runner, path)
        else:
            more = {"raw_path": None} if server == "asgi that tells no raw path" else {}
            yield asgi_caller(TokenMiddleware(served, validator), runner, path, **more)


@pytest.mark.parametrize("path", ["/a;v=1", "/a=b&c+d", "/sk%C3%B8yte", "/it's(*)!~$@:,", "/%7Eu", "/a%20b"])
@pytest.mark.parametrize("server", ["asgi", "asgi that tells no raw path", "wsgi", "django", "django async"])
def test_a_proof_is_good_for_any_path_that_a_client_can_ask_for(server: str, path: str) -> None:
    """Whatever the server decodes and spells in its own way, it is the request that the proof was made for."""
    with api_at(server, path.encode()) as call:
        refused = call(request(path))
        assert refused.code == "use_dpop_nonce"
        assert call(request(path, refused.headers["dpop-nonce"])).status == 200


def test_drf_authenticates_outside_of_views_as_well() -> None:
    """Whoever calls the authentication by hand gets the refusal, with the headers on it."""
    asked = WSGIRequest(wsgi_environ(request("/")))
    with django_api.application({"VALIDATOR": protected()}), pytest.raises(Refused) as caught:
        AccessTokenAuthentication().authenticate(asked)
    assert caught.value.more_headers["DPoP-Nonce"]
