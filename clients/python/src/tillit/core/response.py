"""The answer of a token endpoint (RFC 6749 section 5), turned into a grant or into the right error."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from tillit.core.hints import hint_for
from tillit.core.presented import BEARER
from tillit.core.request import TokenRequest
from tillit.errors import MalformedResponse, Rejected, Throttled, TokenError, Unavailable, redact
from tillit.jose.encoding import MalformedJose, read_json_object

MAX_RESPONSE: Final = 64 * 1024
LONGEST_LIFE: Final = 86_400
"""Seconds. A token of which more is said is renewed after that all the same."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,32768}\Z")
_CODE: Final = re.compile(r"\b(?:MP|AS)-[0-9]{3}\b")
_TRACE: Final = re.compile(r"\s*\((?:trace_id|correlation id): ([0-9A-Za-z-]{8,64})\)\s*\Z")
_TEMPORARY: Final = frozenset({"temporarily_unavailable", "server_error"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A successful answer. `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...]
    token_type: str = BEARER


def read_reply(reply: Reply, request: TokenRequest, *, now: float, kinds: Collection[str] = (BEARER,)) -> Grant:
    """The grant in `reply`, of one of the `kinds`. `now` is the wall clock in seconds, for dates in headers.

    Raises Rejected, Throttled, Unavailable or MalformedResponse.
    """
    if reply.status == 200:
        return _read_grant(reply, request, kinds)
    raise _read_refusal(reply, now)


def _read_grant(reply: Reply, request: TokenRequest, kinds: Collection[str]) -> Grant:
    try:
        members = read_json_object(reply.body)
    except MalformedJose as error:
        raise MalformedResponse(f"the token endpoint's answer is not usable: {error}", status=200) from None
    token, kind, seconds = members.get("access_token"), members.get("token_type"), members.get("expires_in")
    if not isinstance(token, str) or not is_token(token):
        raise MalformedResponse("the token endpoint's answer has no usable access_token", status=200)
    found = next((known for known in kinds if isinstance(kind, str) and kind.lower() == known.lower()), None)
    if found is None:
        # A Bearer token in answer to a proof is bound to nothing, and would be worth as much to a thief.
        wanted = " or ".join(kinds)
        raise MalformedResponse(f"the token endpoint's answer is not a {wanted} token", status=200)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        raise MalformedResponse("the token endpoint's answer has no usable expires_in", status=200)
    scope = members.get("scope")
    granted = tuple(scope.split()) if isinstance(scope, str) else request.scopes
    return Grant(token, min(seconds, LONGEST_LIFE), granted, found)


def is_token(text: str) -> bool:
    """Whether `text` may stand in an Authorization header (RFC 6750 section 2.1), and is not too long for one."""
    return _TOKEN.match(text) is not None


def wants_nonce(reply: Reply) -> bool:
    """Whether the authority asks for the same again, with a nonce in the proof (RFC 9449 section 8)."""
    return reply.status in (400, 401) and _oauth_error(reply.body)[0] == "use_dpop_nonce"


def _read_refusal(reply: Reply, now: float) -> TokenError:
    status = reply.status
    code, description, trace_id = _oauth_error(reply.body)
    text = f"{code}: {description}" if code and description else code or f"HTTP {status}"
    trace = f" (trace_id: {trace_id})" if trace_id else ""
    if status == 429:
        message = f"the authority asks for fewer requests: {text}{trace}"
        return Throttled(message, retry_after=retry_after(reply.headers, now), trace_id=trace_id)
    if status == 408 or status >= 500 or code in _TEMPORARY:
        message = f"the authority is out of order: {text}{trace}"
        return Unavailable(message, status=status, retry_after=retry_after(reply.headers, now), trace_id=trace_id)
    if not code or not 400 <= status < 500:
        return MalformedResponse(f"HTTP {status} without an OAuth answer; is this the token endpoint?", status=status)
    return _rejected(reply, code, description, trace_id, now)


def _rejected(reply: Reply, code: str, description: str, trace_id: str | None, now: float) -> Rejected:
    found = _CODE.search(description)
    mp_code = found.group() if found else None
    skew = clock_skew(reply.headers, now)
    hint = hint_for(mp_code, description, skew)
    parts = (f"{code}: {description}" if description else code, hint, trace_id and f"(trace_id: {trace_id})")
    return Rejected(
        " ".join(part for part in parts if part),
        code=code,
        description=description,
        mp_code=mp_code,
        status=reply.status,
        trace_id=trace_id,
        hint=hint,
        skew=skew,
    )


def _oauth_error(body: bytes) -> tuple[str, str, str | None]:
    try:
        members: dict[str, Any] = read_json_object(body)
    except MalformedJose:
        return "", "", None
    code, description = members.get("error"), members.get("error_description")
    code = redact(code) if isinstance(code, str) else ""
    description = redact(description) if isinstance(description, str) else ""
    trace = _TRACE.search(description)
    if trace is None:
        return code, description, None
    return code, description[: trace.start()], trace.group(1)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds asked for by a Retry-After header (RFC 9110 section 10.2.3), or None."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 8:
        return float(value)
    moment = _http_date(value)
    return None if moment is None else max(moment - now, 0.0)


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """How many seconds the sender's clock is ahead of `now`, from its Date header; whole seconds at best."""
    moment = _http_date(headers.get("date", ""))
    return None if moment is None else moment - now


def _http_date(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
