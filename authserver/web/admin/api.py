"""The admin API as one application: routers on their paths, failures in one place, and a document of it all."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from authserver.web.admin import (
    access,
    access_requests,
    changes,
    client_keys,
    clients,
    delegation_evidence,
    delegation_sources,
    delegation_steps,
    delegation_terms,
    delegation_use,
    delegations,
    expiring_keys,
    onbehalfof,
    organisations,
    packages,
    prefix_requests,
    prefixes,
    public,
    quotas,
    scope_terms,
    scopes,
    webhooks,
)
from authserver.web.admin.body import Bounded
from authserver.web.admin.calling import ReplayedAnswer
from authserver.web.admin.faults import install
from authserver.web.admin.ports import Parts
from authserver.web.admin.public_lists import PublicLists
from authserver.web.asgi import App

COMPATIBLE: Final = (
    clients.router,
    client_keys.router,
    onbehalfof.router,
    access.router,
    public.anyone,
    public.router,
    scopes.router,
)
OUR_OWN: Final = (
    access_requests.router,
    changes.router,
    delegation_evidence.router,
    delegation_sources.router,
    delegation_steps.router,
    delegation_terms.router,
    delegation_use.router,
    delegations.router,
    expiring_keys.router,
    organisations.router,
    packages.router,
    prefix_requests.router,
    prefixes.router,
    quotas.router,
    scope_terms.router,
    webhooks.router,
)
_ROOTS: Final = ("/api/", "/clients", "/scopes", "/prefix", "/delegationsources", "/organizations")
_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_FAILURES: Final = {
    400: "The request is malformed or breaks a rule",
    401: "No valid token",
    403: "The token or the caller may not do this",
    404: "No such record, or none of the caller's",
    409: "It contradicts what is there",
    412: "The record has changed since it was read",
    413: "The body is larger than 64 KiB",
    422: "The Idempotency-Key came with another request before",
    428: "If-Match is missing",
    503: "The authority cannot answer now",
}


class ApiFieldError(BaseModel):
    """One thing that is wrong."""

    errorMessage: str  # noqa: N815 - as existing tools read it
    isFieldError: bool  # noqa: N815
    objectName: str | None  # noqa: N815
    fieldIdentifier: str | None  # noqa: N815


class ApiErrorResponse(BaseModel):
    """Why a request of the compatible API was refused; `errors` is never empty."""

    status: int
    timestamp: str
    correlation_id: str
    error: str
    error_description: str
    errors: list[ApiFieldError]


class ProblemField(BaseModel):
    """A member of the request that is wrong."""

    field: str
    detail: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    trace_id: str
    errors: list[ProblemField] | None = None


def admin_api(parts: Parts | None, version: str) -> FastAPI:
    """Build the application. Without parts it only describes itself."""
    app = FastAPI(
        title="Tillit admin API",
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.parts = parts
    app.state.public_lists = None if parts is None else PublicLists(parts)
    for router in COMPATIBLE:
        app.include_router(router, prefix="/api/v1", responses=_failures(ApiErrorResponse))
        app.include_router(router, include_in_schema=False)
    app.include_router(client_keys.upload, prefix="/api/v2", responses=_failures(ApiErrorResponse))
    for router in OUR_OWN:
        app.include_router(router, prefix="/api/v1", responses=_failures(Problem))
    install(app)

    @app.exception_handler(ReplayedAnswer)
    async def replay(_: Request, raised: ReplayedAnswer) -> Response:
        return raised.response

    described = cache(lambda: description(app))

    @app.get("/api/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return described()

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_page(described()), headers=_PAGE_HEADERS)

    return app


def mounted(parts: Parts, version: str, rest: App) -> App:
    """Send requests of the admin API's paths to it, with their bodies bounded, and every other to `rest`."""
    api = Bounded(admin_api(parts, version))

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith(_ROOTS)
        await (api if ours else rest)(scope, receive, send)

    return chosen


def description(app: FastAPI) -> dict[str, Any]:
    """Describe the application in OpenAPI 3.1: only answers that it gives, and which routes take a token."""
    document: dict[str, Any] = get_openapi(
        title=app.title, version="1", routes=app.routes, description="Times in headers and bodies are UTC."
    )
    bearer = {"type": "http", "scheme": "bearer", "description": "An access token of this authority."}
    document["components"]["securitySchemes"] = {"bearer": bearer}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if "public" not in operation["tags"]:
                operation["security"] = [{"bearer": []}]
            _describe_successes(operation)
            _describe_failures(method, operation)
    return document


def _describe_successes(operation: dict[str, Any]) -> None:
    """Tell the answer to a rehearsal from that to the write itself, where status or media type differ."""
    for status, answer in list(operation["responses"].items()):
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        done, *rehearsal = schema.get("anyOf", [schema])
        if status == "201" and rehearsal:
            answer["content"] = {"application/json": {"schema": done}}
            content = {"application/json": {"schema": rehearsal[0]}}
            operation["responses"]["200"] = {"description": "What it would do", "content": content}
        elif {"type": "null"} in rehearsal:
            empty = {"schema": {"type": "string", "maxLength": 0}}
            answer["content"] = {"application/json": {"schema": done}, "text/plain": empty}
            answer["description"] = "Done, and an empty body; of a rehearsal, what it would do"


def _describe_failures(method: str, operation: dict[str, Any]) -> None:
    """Leave the refusals that this operation can answer with, each with its media type."""
    headers = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
    gone = {"401", "403"} if "public" in operation["tags"] else set()
    gone |= set() if method != "get" else {"409"}
    gone |= set() if "if-match" in headers else {"412", "428"}
    gone |= set() if "idempotency-key" in headers else {"422"}
    gone |= set() if "requestBody" in operation else {"413"}
    for status in gone:
        operation["responses"].pop(status, None)
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if status >= "400" and schema.get("$ref", "").endswith("/Problem"):
            answer["content"] = {"application/problem+json": {"schema": schema}}


def _failures(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": text, "model": model} for status, text in _FAILURES.items()}


def _operation_id(route: APIRoute) -> str:
    return route.name


def _page(described: dict[str, Any]) -> str:
    rows = "".join(
        f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{escape(operation.get('description', ''))}</dd>"
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Tillit admin API</title><style>body{font:1rem/1.5 system-ui,sans-serif;"
        "max-width:52rem;margin:3rem auto;padding:0 1rem}dt{margin-top:1rem}code{overflow-wrap:anywhere}</style>"
        "<h1>Tillit admin API</h1><p>Each call takes a bearer token of this authority unless it is public. "
        'The whole description is <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"<dl>{rows}</dl></html>"
    )
