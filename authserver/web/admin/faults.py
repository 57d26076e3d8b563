"""Every failure of the admin API as an answer: RFC 9457 for our own resources, the older body for compatible ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unavailable
from authserver.registry.guarded import ChangedMeanwhileError
from authserver.web.admin.bearer import InvalidTokenError
from authserver.web.trace import TraceIds

_COMPATIBLE: Final = re.compile(r"(?:/api/v[12])?/(?:clients|scopes|prefix|delegationsources|organizations)(?:/|\Z)")
_RETRY_SECONDS: Final = "2"
_HTTP_CODES: Final = {404: "AS-404", 405: "AS-406", 413: "AS-004"}
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._\[\]-]")


class ScopeNeededError(Exception):
    """The token lacks the admin scope for this; `scopes` are those that would do (RFC 6750 §3.1)."""

    def __init__(self, *scopes: str) -> None:
        super().__init__(scopes)
        self.scopes = scopes


class PreconditionNeededError(Exception):
    """The request must say by If-Match what it saw (RFC 6585 §3)."""


class KeyMisusedError(Exception):
    """The Idempotency-Key came with another request before, or with one that is still under way."""

    def __init__(self, *, busy: bool) -> None:
        super().__init__(busy)
        self.busy = busy


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure before it is rendered; `fields` are members of the request with what is wrong with them."""

    status: int
    error: str
    sentence: str
    code: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def install(app: FastAPI) -> None:
    """Let the application answer every failure here."""
    trace_ids, log = TraceIds(), structlog.get_logger("authserver.admin")

    async def answer(request: Request, raised: Exception) -> JSONResponse:
        fault, trace_id = fault_of(raised), trace_ids()
        if fault.status >= 500:
            log.error("fault", trace_id=trace_id, path=request.scope["path"], exc_info=raised)
        return rendered(fault, trace_id, compatible=is_compatible(request.scope["path"]))

    known = (Refusal, Unavailable, InvalidTokenError, ScopeNeededError, PreconditionNeededError, KeyMisusedError)
    for kind in (*known, ChangedMeanwhileError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def is_compatible(path: str) -> bool:
    """Tell whether the path is one of the self-service API that existing tools speak."""
    return _COMPATIBLE.match(path) is not None


def rendered(fault: Fault, trace_id: str, *, compatible: bool) -> JSONResponse:
    """Return the answer; nothing of the request is echoed but the names of its members."""
    headers = {"cache-control": "no-store", **dict(fault.headers)}
    if compatible:
        return JSONResponse(_api_error(fault, trace_id), fault.status, headers)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(fault.status).phrase,
        "status": fault.status,
        "detail": fault.sentence,
        "code": fault.code,
        "trace_id": trace_id,
    }
    if fault.fields:
        problem["errors"] = [{"field": name, "detail": what} for name, what in fault.fields]
    return JSONResponse(problem, fault.status, headers, media_type="application/problem+json")


def _api_error(fault: Fault, trace_id: str) -> dict[str, Any]:
    """Some tools read the first of `errors` without looking whether there is one."""
    fields = fault.fields or (("", fault.sentence),)
    return {
        "status": fault.status,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "correlation_id": trace_id,
        "error": fault.error,
        "error_description": " ".join(filter(None, (f"{fault.code}:" if fault.code else "", fault.sentence))),
        "errors": [
            {
                "errorMessage": f"{name}: {what}" if name else what,
                "isFieldError": bool(name),
                "objectName": None,
                "fieldIdentifier": name or None,
            }
            for name, what in fields
        ],
    }


def fault_of(raised: Exception) -> Fault:
    """Tell what to answer for whatever was raised."""
    match raised:
        case Refusal():
            return Fault(raised.status, raised.error, raised.sentence, raised.code)
        case Unavailable():
            row, after = Reason.UNAVAILABLE.row, ("retry-after", _RETRY_SECONDS)
            sentence = "The authority cannot answer safely right now. Whether anything changed is not known."
            if raised.certain:
                sentence = "The authority cannot answer right now. Nothing was changed."
            return Fault(503, row.error, sentence, row.code, headers=(after,))
        case InvalidTokenError() | ScopeNeededError():
            return _of_token(raised)
        case ChangedMeanwhileError() | PreconditionNeededError() | KeyMisusedError():
            return _of_condition(raised)
        case RequestValidationError():
            fields = tuple((_place(found["loc"]), str(found["msg"])) for found in raised.errors())
            return Fault(400, "invalid_request", "The request is malformed.", "AS-400", fields)
        case HTTPException():
            return _of_http(raised)
        case _:
            row = Reason.FAULT.row
            return Fault(500, row.error, row.sentence, row.code)


def _of_token(raised: InvalidTokenError | ScopeNeededError) -> Fault:
    if isinstance(raised, InvalidTokenError):
        challenge = ("www-authenticate", 'Bearer error="invalid_token"')
        return Fault(401, "invalid_token", f"{raised}.", "AS-401", headers=(challenge,))
    wanted = " ".join(raised.scopes)
    challenge = ("www-authenticate", f'Bearer error="insufficient_scope", scope="{wanted}"')
    sentence = f"This takes a token with {' or '.join(raised.scopes)}."
    return Fault(403, "insufficient_scope", sentence, "AS-405", headers=(challenge,))


def _of_condition(raised: ChangedMeanwhileError | PreconditionNeededError | KeyMisusedError) -> Fault:
    if isinstance(raised, ChangedMeanwhileError):
        return Fault(412, "precondition_failed", "The record has changed since it was read.", "AS-412")
    if isinstance(raised, PreconditionNeededError):
        return Fault(428, "precondition_required", "Say in If-Match which state of the record you saw.", "AS-428")
    if raised.busy:
        return Fault(409, "conflict", "A request with this Idempotency-Key is under way.", "AS-411")
    return Fault(422, "invalid_request", "The Idempotency-Key came with another request before.", "AS-422")


def _of_http(raised: HTTPException) -> Fault:
    status, headers = raised.status_code, tuple((raised.headers or {}).items())
    code = _HTTP_CODES.get(status, "AS-400")
    if status in {404, 405}:
        error = "not_found" if status == 404 else "method_not_allowed"
        return Fault(status, error, "There is nothing at this path for this method.", code, headers=headers)
    sentence = "The request body is too large." if status == 413 else "The request body is not strict JSON."
    return Fault(status, "invalid_request", sentence, code, headers=headers)


def _place(location: tuple[Any, ...]) -> str:
    """Name the member at fault; names from outside are bounded and plain."""
    return _STRANGE.sub("?", ".".join(str(part) for part in location[1:]))[:200] or str(location[0])
