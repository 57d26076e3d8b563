"""Why an API does not serve a request, and what it answers (RFC 6750 section 3)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tillit.errors import TillitError

_NOT_QUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


@dataclass(frozen=True, slots=True)
class Challenge:
    """An HTTP answer as data, for any framework: status, headers, and the members of a JSON body."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, str]

    def json(self) -> bytes:
        """The body as JSON text."""
        return json.dumps(dict(self.body)).encode("utf-8")


class AccessError(TillitError):
    """The request is not served. The message is for the provider's log; `description` is what the caller may know.

    Neither ever holds the token or a part of it.
    """

    status = 401
    code = ""
    description = ""

    def challenge(self, realm: str | None = None) -> Challenge:
        """The answer to give, with `WWW-Authenticate` as RFC 6750 section 3 wants it."""
        parameters = {} if realm is None else {"realm": realm}
        if self.code:
            parameters |= {"error": self.code, "error_description": self.description}
        parameters |= self._parameters()
        rendered = ", ".join(f'{name}="{_NOT_QUOTABLE.sub(" ", value)}"' for name, value in parameters.items())
        body = {"error": self.code or "unauthorized", "error_description": self.description}
        return Challenge(self.status, {"WWW-Authenticate": f"Bearer {rendered}".strip()}, body)

    def _parameters(self) -> dict[str, str]:
        return {}


class MissingToken(AccessError):
    """No bearer token came: 401 and a bare challenge without an error code (RFC 6750 section 3.1)."""

    description = "This resource needs an access token."


class InvalidRequest(AccessError):
    """The credentials are not written as RFC 6750 section 2.1 says, or came twice: 400."""

    status = 400
    code = "invalid_request"
    description = "The Authorization header is malformed."


class InvalidToken(AccessError):
    """The token is not good here: 401. `expired` tells a client that a new one may be."""

    code = "invalid_token"

    def __init__(self, message: str = "", *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired
        self.description = "The access token has expired." if expired else "The access token is not valid here."


class InsufficientScope(AccessError):
    """The token is good but does not give access to this: 403. `scopes` are those that would."""

    status = 403
    code = "insufficient_scope"

    def __init__(self, message: str = "", *, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.scopes = scopes
        self.description = (
            "The access token lacks a scope that is required here."
            if scopes
            else "The access token does not give access to this resource."
        )

    def _parameters(self) -> dict[str, str]:
        return {"scope": " ".join(self.scopes)} if self.scopes else {}


class KeysUnavailable(AccessError):
    """The authority's keys cannot be had, so no token can be judged: 503, never 401. `retry_after` is in seconds."""

    status = 503
    code = "temporarily_unavailable"
    description = "Access tokens cannot be checked at the moment."

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def challenge(self, realm: str | None = None) -> Challenge:  # noqa: ARG002 - there is no challenge to name it in
        """503 with Retry-After; no challenge, for there is nothing the caller could do better."""
        seconds = max(1, math.ceil(self.retry_after))
        body = {"error": self.code, "error_description": self.description}
        return Challenge(self.status, {"Retry-After": str(seconds)}, body)
