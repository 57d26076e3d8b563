"""The sidecar's endpoints.

POST /api/v1/token           a token of the client that the sidecar stands for
POST /api/v1/introspect      whether a token is good, and its claims; always 200
GET  /auth?scope=…           the same for proxies: 204, 401, 403 with the challenge (auth_request, ext_authz)
GET  /metrics /healthz
GET  /readyz                 503 until the authority's keys are known
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillit.access_errors import AccessError
from tillit.aio import AsyncTokenClient
from tillit.bearer import bearer_token
from tillit.config import ClientConfig
from tillit.core.request import TokenRequest
from tillit.errors import ConfigError, Rejected, Throttled, TokenError
from tillit.sidecar.judge import Judge
from tillit.sidecar.loopback import LoopbackOnly

logger = logging.getLogger("tillit")

MAX_BODY: Final = 64 * 1024
PROVIDERS: Final = frozenset({"maskinporten", "tillit"})


class BadRequest(Exception):
    """The request is not one of this API; the text says why."""


def sidecar_app(
    client: AsyncTokenClient,
    judge: Judge,
    *,
    hosts: Collection[str] = (),
    from_anywhere: bool = False,
    registry: CollectorRegistry | None = None,
) -> Starlette:
    """The application, for one client. `hosts` are names, beside those of loopback, by which it may be called.

    With `from_anywhere` other machines may call it too: whoever reaches it gets tokens. `registry` holds what
    `/metrics` tells, the client's own if a hook of it counts there. Raises ConfigError for a client whose tokens are
    bound to a key: the programs that get them could prove nothing.
    """
    client.require_bearer()
    return _Sidecar(client, judge, registry or CollectorRegistry()).app(hosts, from_anywhere=from_anywhere)


class _Sidecar:
    def __init__(self, client: AsyncTokenClient, judge: Judge, registry: CollectorRegistry) -> None:
        self._client = client
        self._judge = judge
        self._registry = registry
        self._requests = Counter("tillit_sidecar_requests", "Requests", ["path", "status"], registry=self._registry)
        self._seconds = Histogram("tillit_sidecar_seconds", "Seconds a request", ["path"], registry=self._registry)

    def app(self, hosts: Collection[str], *, from_anywhere: bool) -> Starlette:
        """The application."""
        routes = [
            Route("/api/v1/token", self._counted(self._token), methods=["POST"]),
            Route("/api/v1/token/exchange", self._counted(self._exchange), methods=["POST"]),
            Route("/api/v1/introspect", self._counted(self._introspect), methods=["POST"]),
            Route("/auth", self._counted(self._auth), methods=["GET"]),
            Route("/metrics", self._metrics),
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
        ]
        return Starlette(routes=routes, middleware=[Middleware(LoopbackOnly, hosts=hosts, from_anywhere=from_anywhere)])

    def _counted(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            began, path = time.perf_counter(), request.url.path
            try:
                response = await answer(request)
            except (BadRequest, ConfigError) as fault:
                response = _refusal(400, "invalid_request", str(fault))
            except Exception as error:  # noqa: BLE001 - a program that waits for JSON gets JSON
                # What was not foreseen might tell anything, so its kind is all that is told.
                logger.error("a request failed: %s", type(error).__name__)  # noqa: TRY400
                response = _refusal(500, "server_error", "the sidecar failed")
            self._requests.labels(path, response.status_code).inc()
            self._seconds.labels(path).observe(time.perf_counter() - began)
            return response

        return counted

    async def _token(self, request: Request) -> Response:
        body = await _body(request)
        _of_known_provider(body)
        try:
            wanted, force = _wanted(body, self._client.config), _truth(body.get("skip_cache", False))
            token = await self._client.get(wanted, force=force)
        except ConfigError:
            raise
        except Rejected as error:
            return _refusal(error.status, error.code, error.description)
        except Throttled as error:
            return _refusal(429, "temporarily_unavailable", str(error), error.retry_after)
        except TokenError as error:
            return _refusal(503, "temporarily_unavailable", str(error))
        # What is left of its life: the token may have been fetched a while ago.
        left = max(int(token.expires_in()), 0)
        return _json({"access_token": token.value, "expires_in": left, "token_type": token.token_type})

    async def _exchange(self, request: Request) -> Response:
        await _body(request)
        raise BadRequest("there are no users here whose tokens could be exchanged")

    async def _introspect(self, request: Request) -> Response:
        body = await _body(request)
        _of_known_provider(body)
        token = body.get("token")
        if not isinstance(token, str):
            raise BadRequest("token is missing")
        try:
            proven = await self._judge.judge(token)
        except AccessError as error:
            return _json({"active": False, "error": str(error)})
        return _json({"active": True, **proven.claims})

    async def _auth(self, request: Request) -> Response:
        query = request.query_params
        audience = query.get("audience")
        try:
            # Of the Bearer scheme alone: a token of another one comes with proofs that nobody here looks at.
            sent = bearer_token(request.headers.getlist("authorization"))
            token = await self._judge.judge(sent, query.getlist("scope"), audience)
        except AccessError as error:
            answer = error.challenge()
            return Response(status_code=answer.status, headers=dict(answer.headers))
        told = {"X-Client-Id": token.client_id or "", "X-Consumer": token.consumer.id}
        return Response(status_code=204, headers=told)

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), media_type="text/plain; version=0.0.4")

    async def _ready(self, _: Request) -> Response:
        """Whether the authority's keys are known; they are asked for until they are, as often as the ration allows."""
        reason = await self._judge.awarm()
        return Response(reason or "ok", 503 if reason else 200, media_type="text/plain")

    async def _alive(self, _: Request) -> Response:
        return Response("ok", media_type="text/plain")


async def _body(request: Request) -> dict[str, Any]:
    """The members of a JSON object or of a form. Raises BadRequest."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise BadRequest("the body is too large")
        chunks.append(chunk)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = b"".join(chunks).decode("utf-8")
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(text, strict_parsing=True))
        members = json.loads(text) if kind == "application/json" else None
    except (ValueError, RecursionError):
        raise BadRequest("the body cannot be read") from None
    if not isinstance(members, dict):
        raise BadRequest("the body must be a JSON object or a form")
    return members


def _of_known_provider(body: Mapping[str, Any]) -> None:
    provider = body.get("identity_provider")
    if not isinstance(provider, str) or provider not in PROVIDERS:
        raise BadRequest("identity_provider must be maskinporten or tillit")


def _wanted(body: Mapping[str, Any], defaults: ClientConfig) -> TokenRequest:
    target = body.get("target")
    if not isinstance(target, str) or not target.split():
        raise BadRequest("target must name scopes, separated by spaces")
    resource, consumer = body.get("resource", defaults.resource), body.get("consumer_org", defaults.consumer_org)
    for name, value in (("resource", resource), ("consumer_org", consumer)):
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name} must be text")
    details = body.get("authorization_details")
    try:
        details = json.loads(details) if isinstance(details, str) else details
    except (ValueError, RecursionError):
        raise BadRequest("authorization_details is not JSON") from None
    if details is not None and not isinstance(details, list):
        raise BadRequest("authorization_details must be a list")
    return TokenRequest(target.split(), resource, consumer, authorization_details=details)


def _truth(value: object) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false", None):
        return False
    raise BadRequest("skip_cache must be true or false")


def _refusal(status: int, error: str, description: str, retry_after: float | None = None) -> JSONResponse:
    headers = {} if retry_after is None else {"retry-after": str(max(int(retry_after), 1))}
    return _json({"error": error, "error_description": description}, status, headers)


def _json(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(dict(document), status, {"cache-control": "no-store", **(headers or {})})
