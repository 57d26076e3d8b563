"""The same API in every framework: `build(validator)` of each adapter gives a caller of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import grpc
import grpc.aio
from fastapi import FastAPI, Security
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.tillit import vectors
from tests.tillit.adapters import django_api, grpc_api
from tests.tillit.adapters.calls import asgi_caller, wsgi_caller
from tests.tillit.adapters.matrix import NEEDED, REALM, Call
from tillit import AccessToken, Rule, TokenValidator
from tillit import wsgi as tillit_wsgi
from tillit.asgi import TokenMiddleware, access_token
from tillit.fastapi import AuthorityBearer
from tillit.flask import AccessTokens, current_access_token
from tillit.grpc import AsyncTokenInterceptor, TokenInterceptor
from tillit.starlette import BearerBackend, requires_scopes

METHODS = ["GET", "POST", "OPTIONS", "HEAD"]


@contextmanager
def with_fastapi(validator: TokenValidator) -> Iterator[Call]:
    auth = AuthorityBearer(validator, realm=REALM)
    app = FastAPI()

    guarded = Security(auth, scopes=[vectors.SCOPE])

    @app.api_route("/", methods=METHODS)
    def root(token: AccessToken = guarded) -> dict[str, str]:
        return {"consumer": token.consumer.number}

    with asyncio.Runner() as runner:
        yield asgi_caller(app, runner)


@contextmanager
def with_asgi(validator: TokenValidator) -> Iterator[Call]:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        token = access_token(scope)
        body = json.dumps({"consumer": None if token is None else token.consumer.number}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    guarded = TokenMiddleware(app, validator, rules=[Rule("/", NEEDED)], realm=REALM)
    with asyncio.Runner() as runner:
        yield asgi_caller(guarded, runner)


@contextmanager
def with_starlette(validator: TokenValidator) -> Iterator[Call]:
    backend = BearerBackend(validator, realm=REALM)

    @requires_scopes(vectors.SCOPE)
    def root(request: Request) -> JSONResponse:
        return JSONResponse({"consumer": request.user.access_token.consumer.number})

    middleware = Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)
    app = Starlette(routes=[Route("/", root, methods=METHODS)], middleware=[middleware])
    with asyncio.Runner() as runner:
        yield asgi_caller(app, runner)


@contextmanager
def with_wsgi(validator: TokenValidator) -> Iterator[Call]:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        token = tillit_wsgi.access_token(environ)
        start_response("200 OK", [])
        return [json.dumps({"consumer": None if token is None else token.consumer.number}).encode()]

    yield wsgi_caller(tillit_wsgi.TokenMiddleware(app, validator, rules=[Rule("/", NEEDED)], realm=REALM))


@contextmanager
def with_flask(validator: TokenValidator) -> Iterator[Call]:
    app = Flask("api")
    auth = AccessTokens(app, validator, realm=REALM)

    @app.route("/", methods=METHODS, provide_automatic_options=False)
    @auth.required(vectors.SCOPE)
    def root() -> dict[str, str]:
        return {"consumer": current_access_token.consumer.number}

    yield wsgi_caller(app)


@contextmanager
def with_django(validator: TokenValidator) -> Iterator[Call]:
    with django_api.application({"VALIDATOR": validator, "REALM": REALM}) as app:
        yield wsgi_caller(app, b"/sync")


@contextmanager
def with_django_rules(validator: TokenValidator) -> Iterator[Call]:
    settings = {"VALIDATOR": validator, "REALM": REALM, "RULES": [Rule("/", NEEDED)]}
    with django_api.application(settings) as app:
        yield wsgi_caller(app, b"/other")


@contextmanager
def with_django_async(validator: TokenValidator) -> Iterator[Call]:
    with (
        django_api.application({"VALIDATOR": validator, "REALM": REALM}, awaited=True) as app,
        asyncio.Runner() as runner,
    ):
        yield asgi_caller(app, runner, b"/async")


@contextmanager
def with_drf(validator: TokenValidator) -> Iterator[Call]:
    with django_api.application({"VALIDATOR": validator, "REALM": REALM}, middleware=False) as app:
        yield wsgi_caller(app, b"/drf")


@contextmanager
def with_grpc(validator: TokenValidator) -> Iterator[Call]:
    interceptor = TokenInterceptor(validator, rules={"/t.Api": NEEDED}, realm=REALM)
    server = grpc.server(grpc_api.pool(), interceptors=[interceptor])
    server.add_generic_rpc_handlers([grpc_api.handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield grpc_api.caller(channel)
    server.stop(None).wait()


@contextmanager
def served_aio(interceptor: AsyncTokenInterceptor) -> Iterator[int]:
    """The port of an asyncio server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Any, int]:
        server = grpc.aio.server(interceptors=[interceptor])
        server.add_generic_rpc_handlers([grpc_api.aio_handlers()])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def with_grpc_aio(validator: TokenValidator) -> Iterator[Call]:
    interceptor = AsyncTokenInterceptor(validator, rules={"/t.Api/One": NEEDED}, realm=REALM)
    with served_aio(interceptor) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield grpc_api.caller(channel)


ADAPTERS: dict[str, Callable[[TokenValidator], AbstractContextManager[Call]]] = {
    "fastapi": with_fastapi,
    "asgi": with_asgi,
    "starlette": with_starlette,
    "wsgi": with_wsgi,
    "flask": with_flask,
    "django": with_django,
    "django rules": with_django_rules,
    "django async": with_django_async,
    "drf": with_drf,
    "grpc": with_grpc,
    "grpc aio": with_grpc_aio,
}
