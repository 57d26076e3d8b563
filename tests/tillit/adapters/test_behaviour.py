"""What each adapter does beyond answering: it hands the token on, serves websockets, says what is set up wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from fastapi import Depends, FastAPI
from flask import Blueprint, Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tests.tillit.adapters import django_api, grpc_api, matrix
from tests.tillit.adapters.apps import ADAPTERS, served_aio, with_grpc
from tests.tillit.adapters.calls import asgi_caller, asgi_messages, asgi_scope, wsgi_caller
from tests.tillit.adapters.matrix import NEEDED, Case
from tillit import OPEN, Access, AllOf, AnyOf, ConfigError, Organisation, Rule, TokenRequest
from tillit import wsgi as tillit_wsgi
from tillit.asgi import TokenMiddleware
from tillit.django.apps import check_settings
from tillit.fastapi import AuthorityBearer
from tillit.flask import AccessTokens, current_access_token
from tillit.grpc import AsyncTokenInterceptor, TokenInterceptor
from tillit.starlette import BearerBackend, requires_scopes
from tillit.testing import Authority

API = "https://api.example.no/"
GOOD = Case("good", "ok", matrix.sent(f"Bearer {matrix.token()}"))
OTHER = Case("other", "insufficient_scope", matrix.sent(f"Bearer {matrix.token('another scope')}"))
NONE = Case("none", "unauthorized", ())
CONNECT = {"type": "websocket.connect"}


def strangers(consumer: Organisation) -> bool:
    """A consumer that no vector has."""
    return consumer.number == "974760673"


@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_every_adapter_hands_the_token_on(adapter: str) -> None:
    """Whoever is served knows the consumer of the token."""
    with ADAPTERS[adapter](matrix.validator()) as call:
        assert b"991825827" in call(GOOD).body


def websocket(case: Case, **more: Any) -> dict[str, Any]:
    """The scope of a websocket."""
    return asgi_scope(case, type="websocket", scheme="wss", **more)


@pytest.mark.parametrize("case", [NONE, OTHER])
def test_websockets_are_refused_before_they_open(case: Case) -> None:
    """A websocket without a good token is closed with 1008, or gets the answer itself where the server can send it."""

    async def app(*_: Any) -> None:
        pytest.fail("served")

    guarded = TokenMiddleware(app, matrix.validator(), rules=[Rule("/", NEEDED)])
    closed = asyncio.run(asgi_messages(guarded, websocket(case), CONNECT))
    assert closed == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    able = websocket(case, extensions={"websocket.http.response": {}})
    start, body = asyncio.run(asgi_messages(guarded, able, CONNECT))
    assert (start["type"], start["status"]) == ("websocket.http.response.start", case.status)
    assert case.verdict.encode() in body["body"]


def test_websockets_of_starlette() -> None:
    """A websocket endpoint behind BearerBackend is opened for a good token alone."""

    @requires_scopes(AnyOf("example:read", "x:other"))
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.display_name)
        await websocket.close()

    backend = BearerBackend(matrix.validator())
    middleware = Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)
    app = Starlette(routes=[WebSocketRoute("/", endpoint)], middleware=[middleware])
    opened = asyncio.run(asgi_messages(app, websocket(GOOD), CONNECT))
    assert [message["type"] for message in opened] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert opened[1]["text"] == "0192:991825827"
    for case in (NONE, OTHER, Case("bad", "invalid_token", matrix.sent("Bearer x"))):
        refused = asyncio.run(asgi_messages(app, websocket(case), CONNECT))
        assert [message["type"] for message in refused] == ["websocket.close"]


def _flask(access: Access) -> Callable[[Case], Any]:
    app = Flask("api")
    auth = AccessTokens(app, matrix.validator())
    app.add_url_rule("/", "things", auth.required(access)(lambda: "served"))
    return wsgi_caller(app)


def _wsgi(access: Access) -> Callable[[Case], Any]:
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"served"]

    return wsgi_caller(tillit_wsgi.TokenMiddleware(app, matrix.validator(), rules=[Rule("/", access)]))


def _fastapi(runner: asyncio.Runner, access: Access) -> Callable[[Case], Any]:
    app, auth = FastAPI(), AuthorityBearer(matrix.validator())
    app.get("/", dependencies=[Depends(auth.require(access))])(lambda: "served")
    return asgi_caller(app, runner)


def test_access_may_depend_on_anything_in_the_token() -> None:
    """`where` admits tokens by what they say, after their scopes: here by their age and by who asked."""
    passes = Access(AllOf("example:read"), where=lambda token: token.expires_at > token.issued_at)
    fails = Access(where=lambda token: token.supplier is not None and token.pid is not None)
    with asyncio.Runner() as runner:
        for caller in (_flask, _wsgi, lambda access: _fastapi(runner, access)):
            assert caller(passes)(GOOD).status == 200
            assert caller(passes)(OTHER).status == 403
            refused = caller(fails)(GOOD)
            assert (refused.status, refused.code) == (403, "insufficient_scope")


def test_preflight_is_let_through_when_asked_for() -> None:
    """With preflight=True, OPTIONS with both headers of CORS needs no token, and OPTIONS without them does."""
    names = (b"origin", b"https://x.example.no"), (b"access-control-request-method", b"GET")

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with asyncio.Runner() as runner:
        call = asgi_caller(TokenMiddleware(app, matrix.validator(), preflight=True), runner)
        assert call(Case("both", "ok", names, method="OPTIONS")).status == 204
        assert call(Case("one", "unauthorized", names[:1], method="OPTIONS")).status == 401
        assert call(Case("get", "unauthorized", names, method="GET")).status == 401


def test_asgi_serves_no_unknown_kind_of_connection() -> None:
    """A kind of connection that the middleware cannot judge does not reach the application."""
    guarded = TokenMiddleware(lambda *_: pytest.fail("served"), matrix.validator())
    with pytest.raises(ValueError, match="not served"):
        asyncio.run(asgi_messages(guarded, asgi_scope(GOOD, type="telegraph")))


@pytest.mark.parametrize(
    ("path", "case", "status"),
    [
        (b"/either", GOOD, 200),
        (b"/either", OTHER, 403),
        (b"/admitted", GOOD, 403),
        (b"/token", OTHER, 200),
        (b"/token", NONE, 401),
        (b"/anything", NONE, 200),
        (b"/drf/admitted", GOOD, 403),
        (b"/drf", NONE, 401),
    ],
)
@pytest.mark.parametrize("awaited", [False, True])
def test_views_of_django(path: bytes, case: Case, status: int, awaited: bool) -> None:
    """Decorators and permissions decide view by view, under WSGI and ASGI; other views are anybody's."""
    settings = {"VALIDATOR": matrix.validator()}
    with django_api.application(settings, awaited=awaited) as app, asyncio.Runner() as runner:
        call = asgi_caller(app, runner, path) if awaited else wsgi_caller(app, path)
        assert call(case).status == status


def test_drf_answers_json_to_browsers_too() -> None:
    """Without the browsable renderer a refusal is JSON, whatever is accepted."""
    with django_api.application({"VALIDATOR": matrix.validator()}, middleware=False) as app:
        seen = wsgi_caller(app, b"/drf")(Case("browser", "unauthorized", ((b"accept", b"*/*"),)))
        assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ISSUER": "https://a.example.no/"},
        {"VALIDATOR": "no.such.name"},
        {"VALIDATOR": "os.path"},
        {"VALIDATOR": matrix.validator(), "RULES": ["/x"]},
        {"VALIDATOR": matrix.validator(), "SCOPES": 1},
        {"VALIDATOR": matrix.validator(), "CHECK_STATUS": True},
        {"ISSUER": "https://a.example.no/", "AUDIENCE": "x", "CHECK_STATUS": "yes"},
    ],
)
def test_wrong_settings_of_django_are_found_at_start(settings: dict[str, Any]) -> None:
    """Django's checks name what is wrong, and the middleware does not start with it."""
    with override_settings(TILLIT=settings):
        assert [error.id for error in check_settings(None)] == ["tillit.E001"]
    with pytest.raises(ImproperlyConfigured), django_api.application(settings) as app:
        wsgi_caller(app)(NONE)


@pytest.mark.parametrize(("settings", "status"), [({}, 200), ({"CHECK_STATUS": True}, 401)])
def test_django_looks_delegations_up_where_the_settings_say_so(settings: dict[str, Any], status: int) -> None:
    """With CHECK_STATUS a token is refused once its delegation has ended, and without it when the token does."""
    light = Authority()
    client = light.add_client(light.add_scope("x:read", audience=API, delegable=True))
    consumer = light.add_organisation()
    light.grant("x:read", consumer)
    delegation = light.delegate(consumer, client.org, "x:read")
    with light.serve():
        token = client.token_client().get(TokenRequest("x:read", consumer_org=consumer)).value
        light.revoke_delegation(delegation)
        named = {"ISSUER": light.issuer, "AUDIENCE": API, **settings}
        with django_api.application(named) as app:
            assert wsgi_caller(app, b"/token")(Case("ended", "ok", matrix.sent(f"Bearer {token}"))).status == status


def test_rules_without_the_middleware_are_found_at_start() -> None:
    """RULES that nothing keeps are an error of Django's checks."""
    settings = {"VALIDATOR": matrix.validator(), "RULES": [Rule("/", OPEN)]}
    with django_api.application(settings, middleware=False):
        assert [error.id for error in check_settings(None)] == ["tillit.E002"]
    with django_api.application(settings):
        assert check_settings(None) == []


def test_flask_views_blueprints_and_settings() -> None:
    """`required` takes predicates and async views, `protect` guards a blueprint, the config names the authority."""
    app, auth = Flask("api"), AccessTokens()
    inner = Blueprint("inner", __name__, url_prefix="/inner")
    auth.protect(inner, AllOf("example:read"))
    inner.add_url_rule("/", view_func=lambda: current_access_token.client_id)
    app.register_blueprint(inner)
    app.add_url_rule("/open", view_func=lambda: str(bool(current_access_token)))
    app.add_url_rule("/admitted", "admitted", auth.required(consumer=strangers)(lambda: "served"))
    with pytest.raises(ConfigError, match="TILLIT_ISSUER"):
        auth.init_app(app)
    app.config.update(TILLIT_ISSUER="https://a.example.no/", TILLIT_AUDIENCE="x")
    auth.init_app(app)
    auth.init_app(app, matrix.validator())
    assert wsgi_caller(app, b"/inner/")(GOOD).body == b"client-1"
    assert wsgi_caller(app, b"/inner/")(OTHER).status == 403
    assert wsgi_caller(app, b"/inner/missing")(NONE).status == 404
    assert wsgi_caller(app, b"/open")(NONE).body == b"False"
    assert wsgi_caller(app, b"/admitted")(GOOD).status == 403


@pytest.mark.parametrize("awaited", [False, True])
def test_all_kinds_of_grpc_methods(awaited: bool) -> None:
    """Unary and streaming methods are guarded alike, and all of them see the token."""
    validator = matrix.validator()
    rules: dict[str, Access | AllOf | AnyOf] = {"/t.Api": NEEDED, "/t.Api/Many": OPEN}
    if awaited:
        with served_aio(AsyncTokenInterceptor(validator, rules=rules)) as port:
            _call_all_kinds(port)
    else:
        server = grpc.server(grpc_api.pool(), interceptors=[TokenInterceptor(validator, rules=rules)])
        server.add_generic_rpc_handlers([grpc_api.handlers()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        _call_all_kinds(port)
        server.stop(None).wait()


def _call_all_kinds(port: int) -> None:
    metadata = grpc_api.metadata_of(GOOD)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        sent, both, many = (
            channel.stream_unary("/t.Api/Sent"),
            channel.stream_stream("/t.Api/Both"),
            channel.unary_stream("/t.Api/Many"),
        )
        assert sent(iter([b""]), metadata=metadata, timeout=10) == b"991825827"
        assert list(both(iter([b""]), metadata=metadata, timeout=10)) == [b"991825827"] * 2
        assert list(many(b"", timeout=10)) == [b"nobody"] * 2
        with pytest.raises(grpc.RpcError) as refused:
            list(both(iter([b""]), timeout=10))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as refused:
            sent(iter([b""]), metadata=grpc_api.metadata_of(OTHER), timeout=10)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_grpc_rules_name_methods() -> None:
    """A rule for what can be no method is refused; codes and details are gRPC's own."""
    with pytest.raises(ConfigError):
        TokenInterceptor(matrix.validator(), rules={"t.Api/One": NEEDED})
    with with_grpc(matrix.validator()) as call:
        assert call(NONE).body == b"unauthorized: This resource needs an access token."


def test_decorators_take_scopes_in_one_way() -> None:
    """Names, or one requirement: a mixture is refused where it is written, and so is a predicate beside an Access."""
    for scopes in (("x:read", AllOf("x:write")), (AllOf("a"), AllOf("b"))):
        with pytest.raises(ConfigError):
            requires_scopes(*scopes)
    with pytest.raises(ConfigError):
        requires_scopes(Access(AllOf("a")), consumer=strangers)
