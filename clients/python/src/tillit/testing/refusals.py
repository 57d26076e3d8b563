"""Why a light authority says no, in the codes, the status and the words of a real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

_CLIENT: Final = "Invalid assertion. Client authentication failed."
_VALIDATION: Final = "Validation of JWT claim failed:"
_PARAMETER: Final = "Invalid assertion. Invalid parameter value"

# reason: error, status, code, sentence. Those that a caller can cause, as the authority documents them.
_TABLE: Final[Mapping[str, tuple[str, int, str, str]]] = MappingProxyType(
    {
        "method": ("invalid_request", 405, "AS-001", "The token endpoint takes POST only."),
        "content.type": (
            "invalid_request",
            400,
            "AS-002",
            "The body must be application/x-www-form-urlencoded, UTF-8.",
        ),
        "content.coding": ("invalid_request", 415, "AS-003", "Content codings are not supported."),
        "body.size": ("invalid_request", 413, "AS-004", "The request body is too large."),
        "form": ("invalid_request", 400, "AS-005", "The form is malformed."),
        "parameter.repeated": ("invalid_request", 400, "AS-006", "A parameter is given more than once."),
        "parameter.missing": ("invalid_request", 400, "AS-007", "A required parameter is missing."),
        "parameter.disagrees": ("invalid_request", 400, "AS-008", "A form parameter disagrees with the assertion."),
        "grant.type": ("unsupported_grant_type", 400, "AS-009", "The grant type is not supported."),
        "several.authentications": (
            "invalid_request",
            400,
            "AS-010",
            "Only one way of client authentication may be used.",
        ),
        "assertion.malformed": ("invalid_request", 400, "MP-011", f"{_PARAMETER}: not a well-formed JWT."),
        "assertion.size": ("invalid_request", 400, "AS-021", "Invalid assertion. It is too large."),
        "header.forbidden": (
            "invalid_grant",
            400,
            "AS-022",
            "Invalid JWT header. It carries crit, jwk, jku, x5u or zip, which are never used.",
        ),
        "header.typ": ("invalid_grant", 400, "AS-023", "Invalid JWT header typ. It does not name an assertion."),
        "header.x5c": ("invalid_grant", 400, "MP-123", "Invalid JWT header x5c."),
        "algorithm": (
            "invalid_grant",
            400,
            "AS-024",
            "Invalid JWT header alg. It is not among the algorithms of this client's profile.",
        ),
        "client.unknown": ("invalid_grant", 400, "MP-100", f"{_CLIENT} Client not found."),
        "client.disabled": ("invalid_grant", 400, "AS-101", f"{_CLIENT} The client is deactivated."),
        "kid.missing": (
            "invalid_grant",
            400,
            "AS-102",
            "Invalid JWT. The client requires pre-registered jwk and no key identifier (kid) provided.",
        ),
        "kid.unknown": ("invalid_grant", 400, "AS-103", f"{_CLIENT} Unknown key identifier (kid) for client."),
        "key.expired": ("invalid_grant", 400, "MP-121", f"{_CLIENT} Expired key."),
        "key.algorithm": (
            "invalid_grant",
            400,
            "AS-104",
            "Invalid JWT header alg. The key is registered for another algorithm.",
        ),
        "signature": ("invalid_grant", 400, "MP-124", f"{_CLIENT} Invalid JWT signature."),
        "audience": (
            "invalid_grant",
            400,
            "MP-110",
            f"{_CLIENT} Invalid JWT claim aud. It must be the issuer of this authority and nothing else.",
        ),
        "subject": ("invalid_grant", 400, "AS-111", "Invalid JWT claim sub. It must be the client id."),
        "claim.missing": (
            "invalid_grant",
            400,
            "AS-112",
            "Invalid assertion. The required claim {value} is missing.",
        ),
        "claim.value": ("invalid_request", 400, "MP-011", _PARAMETER + ": claim {value}."),
        "claim.unknown": ("invalid_request", 400, "MP-011", _PARAMETER + ": unknown claim {value}."),
        "expired": ("invalid_grant", 400, "MP-130", "JWT is expired."),
        "not.yet": ("invalid_grant", 400, "AS-131", "Issue time is in the future."),
        "lifetime": (
            "invalid_grant",
            400,
            "AS-132",
            "JWT has too long lifetime. At most {value} seconds may lie between iat and exp.",
        ),
        "too.old": ("invalid_grant", 400, "AS-133", "JWT was issued too long ago."),
        "replayed": (
            "invalid_grant",
            400,
            "MP-012",
            "Grant is used before. Every request needs a new assertion with a new jti.",
        ),
        "grant.not.allowed": ("unauthorized_client", 400, "AS-201", "This client may not use this grant type."),
        "scope.malformed": (
            "invalid_scope",
            400,
            "AS-202",
            "Invalid scope. Scopes are separated by single spaces.",
        ),
        "scope.not.on.client": (
            "invalid_scope",
            400,
            "MP-200",
            "Token request contains invalid scopes for client.",
        ),
        "scope.disabled": ("invalid_scope", 400, "AS-203", "The scope {value} is deactivated by its owner."),
        "scopes.mixed": (
            "invalid_scope",
            400,
            "AS-204",
            "Scopes of different audiences, token profiles or chains of delegations cannot share a token.",
        ),
        "resource": ("invalid_target", 400, "AS-205", "The resource is not one absolute URI without fragment."),
        "resource.unknown": (
            "invalid_target",
            400,
            "AS-206",
            "The resource is not the audience of the scope {value}.",
        ),
        "organisation.disabled": (
            "invalid_grant",
            400,
            "AS-207",
            "The organisation {value} is unknown or deactivated.",
        ),
        "consumer.is.self": (
            "invalid_request",
            400,
            "AS-208",
            f"{_VALIDATION} The combination consumer_org in claim and delegation scope on client is invalid.",
        ),
        "authorization.details": (
            "invalid_authorization_details",
            400,
            "MP-301",
            "Unknown authorization details type.",
        ),
        "access": ("forbidden", 403, "MP-250", "Consumer has not been granted access to the scope {value}."),
        "not.delegable": ("forbidden", 403, "AS-251", "The scope {value} cannot be delegated."),
        "delegation": ("forbidden", 403, "MP-251", "{value}."),
        "client.busy": (
            "temporarily_unavailable",
            429,
            "AS-429",
            "The client has too many requests under way. Try again later.",
        ),
        "unavailable": (
            "temporarily_unavailable",
            503,
            "AS-503",
            "The authority cannot decide safely right now. Try again with a new assertion.",
        ),
    }
)

# What Maskinporten itself writes where the authority, in its `maskinporten` profile too, says more.
_MASKINPORTEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "assertion.malformed": _PARAMETER,
        "claim.value": _PARAMETER,
        "claim.unknown": _PARAMETER,
        "replayed": "Grant is used before",
        "client.unknown": f"{_CLIENT} Client not found",
        "kid.unknown": f"{_CLIENT} Unknown key identifier (kid) for client",
        "key.expired": f"{_CLIENT} Expired key",
        "audience": f"{_CLIENT} Invalid JWT claim aud",
        "signature": "Invalid JWT signature",
        "header.x5c": "Invalid JWT header x5c",
        "expired": "JWT is expired",
        "lifetime": "JWT has too long lifetime.",
        "scope.not.on.client": "Token request contains invalid scopes for client",
        "authorization.details": "Unknown authorization details type",
    }
)

# Faults of the request that, in the assertion of a client that authenticates, are faults of its credentials.
_OF_CREDENTIALS: Final = frozenset({"assertion.malformed", "assertion.size", "claim.value", "claim.unknown"})

REASONS: Final = frozenset(_TABLE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def json_answer(status: int, members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that nobody may keep, with `members` as its body."""
    fixed = {"content-type": "application/json", "cache-control": "no-store", "pragma": "no-cache"}
    return Answer(status, {**fixed, **(headers or {})}, json.dumps(members).encode("ascii"))


class Refused(Exception):
    """A token request that is refused, by the authority's word for the reason; `value` fills its sentence."""

    def __init__(self, reason: str, value: str = "", retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.retry_after = retry_after

    def body(self, trace_id: str, *, profile: str, authenticates: bool) -> tuple[int, dict[str, Any]]:
        """Status and members (RFC 6749 section 5.2), `authenticates` for the assertion of `client_credentials`."""
        error, status, code, sentence = _TABLE[self.reason]
        if profile == "maskinporten":
            sentence = _MASKINPORTEN.get(self.reason, sentence)
        if authenticates and (error == "invalid_grant" or self.reason in _OF_CREDENTIALS):
            error, status = "invalid_client", 401
        text = f"{code}: {sentence.replace('{value}', self.value)} (trace_id: {trace_id})"
        return status, {"error": error, "error_description": text}


def reason_of(code: str) -> str:
    """The reason whose code is `code` (`MP-251`), or which is `code` itself. Raises ValueError if there is none."""
    if code in REASONS:
        return code
    for reason, (_, _, known, _) in _TABLE.items():
        if known == code:
            return reason
    raise ValueError("no refusal of the authority has this code")
