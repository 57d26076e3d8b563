"""Everything that is not on the path of a token: for now a page that tells a visitor where they are."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_STATUS_ERRORS = {404: "not_found", 405: "method_not_allowed"}


def pages_app(issuer: str, version: str) -> FastAPI:
    """Serve the front page, and a JSON error for any path there is not."""
    app = FastAPI(title="Tillit", version=version, openapi_url=None, redirect_slashes=False)
    page = _front_page(issuer, version)

    @app.get("/", response_class=HTMLResponse)
    async def front_page() -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    @app.exception_handler(HTTPException)
    async def no_such_page(_: Request, fault: Any) -> JSONResponse:
        error = _STATUS_ERRORS.get(fault.status_code, "invalid_request")
        body = {"error": error, "error_description": "There is nothing at this path for this method."}
        return JSONResponse(body, fault.status_code, headers={**(fault.headers or {}), "cache-control": "no-store"})

    return app


def _front_page(issuer: str, version: str) -> str:
    base = escape(issuer.rstrip("/"))
    rows = "".join(
        f"<dt><code>{method} {base}{path}</code></dt><dd>{what}</dd>"
        for method, path, what in (
            ("POST", "/token", "access tokens for signed assertions (RFC 7523)"),
            ("GET", "/.well-known/oauth-authorization-server", "what this authority supports (RFC 8414)"),
            ("GET", "/jwk", "the keys that verify its tokens (RFC 7517)"),
        )
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Tillit</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;"
        "padding:0 1rem}dt{margin-top:1rem}code{overflow-wrap:anywhere}</style>"
        f"<h1>Tillit</h1><p>This is an authority for machine-to-machine access, issuer <code>{escape(issuer)}</code>,"
        f" version {escape(version)}.</p><dl>{rows}</dl></html>"
    )
