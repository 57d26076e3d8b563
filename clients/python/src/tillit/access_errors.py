"""Why an API does not serve a request, and what it answers (RFC 6750 section 3)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
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

    Neither ever holds the token or a part of it. `scheme` is that of the credentials which were refused.
    """

    scheme = "Bearer"
    status = 401
    code = ""
    description = ""

    def challenge(self, realm: str | None = None, *, dpop_algorithms: Sequence[str] = ()) -> Challenge:
        """The answer to give, with `WWW-Authenticate` as RFC 6750 section 3 and RFC 9449 section 7.1 want it.

        `dpop_algorithms` are those of DPoP proofs, where the API takes any; `TokenValidator.challenge` knows them.
        """
        about = {"realm": realm} if realm is not None else {}
        if self.code:
            about |= {"error": self.code, "error_description": self.description}
        about |= self._parameters()
        algs = {"algs": " ".join(dpop_algorithms)} if dpop_algorithms else {}
        challenges = [_rendered("DPoP", about | algs)] if self.scheme == "DPoP" else [_rendered("Bearer", about)]
        if algs and self.scheme != "DPoP":
            challenges.append(_rendered("DPoP", algs))
        body = {"error": self.code or "unauthorized", "error_description": self.description}
        return Challenge(self.status, {"WWW-Authenticate": ", ".join(challenges)} | self._headers(), body)

    def _parameters(self) -> dict[str, str]:
        return {}

    def _headers(self) -> dict[str, str]:
        return {}


def _rendered(scheme: str, parameters: Mapping[str, str]) -> str:
    quoted = ", ".join(f'{name}="{_NOT_QUOTABLE.sub(" ", value)}"' for name, value in parameters.items())
    return f"{scheme} {quoted}".strip()


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


class InvalidProof(AccessError):
    """The DPoP proof of the request is missing, or not one for this request and this token: 401 (RFC 9449)."""

    scheme = "DPoP"
    code = "invalid_dpop_proof"
    description = "The DPoP proof is not valid for this request."


class NonceWanted(InvalidProof):
    """The proof must hold `nonce`, which goes with the answer: 401, and the client asks once more (RFC 9449)."""

    code = "use_dpop_nonce"
    description = "The DPoP proof must hold the nonce that this API gives."

    def __init__(self, message: str = "", *, nonce: str = "") -> None:
        super().__init__(message)
        self.nonce = nonce

    def _headers(self) -> dict[str, str]:
        return {"DPoP-Nonce": self.nonce, "Cache-Control": "no-store"}


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

    def challenge(self, realm: str | None = None, *, dpop_algorithms: Sequence[str] = ()) -> Challenge:  # noqa: ARG002 - there is no challenge to name them in
        """503 with Retry-After; no challenge, for there is nothing the caller could do better."""
        seconds = max(1, math.ceil(self.retry_after))
        body = {"error": self.code, "error_description": self.description}
        return Challenge(self.status, {"Retry-After": str(seconds)}, body)


class StatusListUnavailable(KeysUnavailable):
    """The status of the token cannot be had, so that it is not known to be good: 503, never 401."""


class ProofsUnavailable(KeysUnavailable):
    """It cannot be told whether the DPoP proof was used before: 503, never 401."""
