"""The one type of refusal, and the table of every refusal there is.

A refusal has three voices: `error` and `status` for machines (RFC 6749 §5.2), a fixed `sentence` for the caller, and
a dotted `reason` for the record and the tests. `code` is stable: MP-nnn where Maskinporten published one, AS-nnn where
it did not. Sentences never quote input; a `{value}` is filled only with names the registry itself holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """One row of the table."""

    error: str
    status: int
    code: str
    sentence: str


def _row(error: str, status: int, code: str, sentence: str) -> RefusalKind:
    return RefusalKind(error, status, code, sentence)


_CLIENT = "Invalid assertion. Client authentication failed."


class Reason(Enum):
    """Every way to be refused, by the dotted word that the record keeps."""

    # The request itself, before any assertion is read (RFC 6749 §3.2, §5.2).
    METHOD = _row("invalid_request", 405, "AS-001", "The token endpoint takes POST only.")
    CONTENT_TYPE = _row("invalid_request", 400, "AS-002", "The body must be application/x-www-form-urlencoded, UTF-8.")
    CONTENT_CODING = _row("invalid_request", 415, "AS-003", "Content codings are not supported.")
    BODY_SIZE = _row("invalid_request", 413, "AS-004", "The request body is too large.")
    FORM = _row("invalid_request", 400, "AS-005", "The form is malformed.")
    PARAMETER_REPEATED = _row("invalid_request", 400, "AS-006", "A parameter is given more than once.")
    PARAMETER_MISSING = _row("invalid_request", 400, "AS-007", "A required parameter is missing.")
    PARAMETER_DISAGREES = _row("invalid_request", 400, "AS-008", "A form parameter disagrees with the assertion.")
    GRANT_TYPE = _row("unsupported_grant_type", 400, "AS-009", "The grant type is not supported.")
    SEVERAL_AUTHENTICATIONS = _row(
        "invalid_request", 400, "AS-010", "Only one way of client authentication may be used."
    )
    FRAMING = _row("invalid_request", 400, "AS-011", "The HTTP message is ambiguous.")
    HEADERS_SIZE = _row("invalid_request", 431, "AS-012", "The request headers are too large.")
    TIMEOUT = _row("invalid_request", 408, "AS-013", "The request did not arrive in time.")

    # The assertion as bytes (RFC 7515, RFC 8725).
    ASSERTION_MALFORMED = _row(
        "invalid_request", 400, "MP-011", "Invalid assertion. Invalid parameter value: not a well-formed JWT."
    )
    ASSERTION_SIZE = _row("invalid_request", 400, "AS-021", "Invalid assertion. It is too large.")
    HEADER_FORBIDDEN = _row(
        "invalid_grant",
        400,
        "AS-022",
        "Invalid JWT header. It carries crit, jwk, jku, x5u or zip, which are never used.",
    )
    HEADER_TYP = _row("invalid_grant", 400, "AS-023", "Invalid JWT header typ. It does not name an assertion.")
    HEADER_X5C = _row("invalid_grant", 400, "MP-123", "Invalid JWT header x5c.")
    ALGORITHM = _row(
        "invalid_grant",
        400,
        "AS-024",
        "Invalid JWT header alg. It is not among the algorithms of this client's profile.",
    )

    # Who signed it (RFC 7523 §3).
    CLIENT_UNKNOWN = _row("invalid_grant", 400, "MP-100", f"{_CLIENT} Client not found.")
    CLIENT_DISABLED = _row("invalid_grant", 400, "AS-101", f"{_CLIENT} The client is deactivated.")
    KID_MISSING = _row(
        "invalid_grant",
        400,
        "AS-102",
        "Invalid JWT. The client requires pre-registered jwk and no key identifier (kid) provided.",
    )
    KID_UNKNOWN = _row("invalid_grant", 400, "AS-103", f"{_CLIENT} Unknown key identifier (kid) for client.")
    KEY_EXPIRED = _row("invalid_grant", 400, "MP-121", f"{_CLIENT} Expired key.")
    KEY_ALGORITHM = _row(
        "invalid_grant", 400, "AS-104", "Invalid JWT header alg. The key is registered for another algorithm."
    )
    SIGNATURE = _row("invalid_grant", 400, "MP-124", f"{_CLIENT} Invalid JWT signature.")

    # What it says, judged only after the signature.
    AUDIENCE = _row(
        "invalid_grant",
        400,
        "MP-110",
        f"{_CLIENT} Invalid JWT claim aud. It must be the issuer of this authority and nothing else.",
    )
    SUBJECT = _row("invalid_grant", 400, "AS-111", "Invalid JWT claim sub. It must be the client id.")
    CLAIM_MISSING = _row("invalid_grant", 400, "AS-112", "Invalid assertion. The required claim {value} is missing.")
    CLAIM_VALUE = _row("invalid_request", 400, "MP-011", "Invalid assertion. Invalid parameter value: claim {value}.")
    CLAIM_UNKNOWN = _row(
        "invalid_request", 400, "MP-011", "Invalid assertion. Invalid parameter value: unknown claim {value}."
    )
    EXPIRED = _row("invalid_grant", 400, "MP-130", "JWT is expired.")
    NOT_YET = _row("invalid_grant", 400, "AS-131", "Issue time is in the future.")
    LIFETIME = _row(
        "invalid_grant",
        400,
        "AS-132",
        "JWT has too long lifetime. At most {value} seconds may lie between iat and exp.",
    )
    TOO_OLD = _row("invalid_grant", 400, "AS-133", "JWT was issued too long ago.")
    REPLAYED = _row(
        "invalid_grant", 400, "MP-012", "Grant is used before. Every request needs a new assertion with a new jti."
    )

    # What it may have.
    GRANT_NOT_ALLOWED = _row("unauthorized_client", 400, "AS-201", "This client may not use this grant type.")
    SCOPE_MALFORMED = _row("invalid_scope", 400, "AS-202", "Invalid scope. Scopes are separated by single spaces.")
    SCOPE_NOT_ON_CLIENT = _row("invalid_scope", 400, "MP-200", "Token request contains invalid scopes for client.")
    SCOPE_DISABLED = _row("invalid_scope", 400, "AS-203", "The scope {value} is deactivated by its owner.")
    SCOPE_INTEGRATION = _row(
        "invalid_scope", 400, "MP-201", "Token request contains scopes not allowed for maskinporten."
    )
    SCOPES_MIXED = _row(
        "invalid_scope",
        400,
        "AS-204",
        "Scopes of different audiences, token profiles or chains of delegations cannot share a token.",
    )
    RESOURCE = _row("invalid_target", 400, "AS-205", "The resource is not one absolute URI without fragment.")
    RESOURCE_UNKNOWN = _row("invalid_target", 400, "AS-206", "The resource is not the audience of the scope {value}.")
    ORGANISATION_DISABLED = _row("invalid_grant", 400, "AS-207", "The organisation {value} is unknown or deactivated.")
    CONSUMER_IS_SELF = _row(
        "invalid_request",
        400,
        "AS-208",
        "Validation of JWT claim failed: "
        "The combination consumer_org in claim and delegation scope on client is invalid.",
    )
    SOURCES_MIXED = _row(
        "invalid_scope", 400, "AS-209", "Scopes whose delegations are kept in different registers cannot share a token."
    )
    AUTHORIZATION_DETAILS = _row("invalid_authorization_details", 400, "MP-301", "Unknown authorization details type.")
    ACCESS = _row("forbidden", 403, "MP-250", "Consumer has not been granted access to the scope {value}.")
    NOT_DELEGABLE = _row("forbidden", 403, "AS-251", "The scope {value} cannot be delegated.")
    DELEGATION = _row("forbidden", 403, "MP-251", "{value}.")

    # The registry's own refusals, on its API, pages and CLI.
    NOT_FOUND = _row("not_found", 404, "AS-404", "There is no such {value}.")
    CONFLICT = _row("conflict", 409, "AS-409", "{value}.")
    INVALID = _row("invalid_request", 400, "AS-400", "{value}.")
    NOT_ALLOWED = _row("forbidden", 403, "AS-403", "This is not yours to change.")
    KEY_REFUSED = _row("invalid_request", 400, "AS-410", "The key is refused: {value}.")

    # Us.
    CLIENT_BUSY = _row(
        "temporarily_unavailable", 429, "AS-429", "The client has too many requests under way. Try again later."
    )
    OVERLOADED = _row(
        "temporarily_unavailable", 503, "AS-502", "The authority is busy. Try again with a new assertion."
    )
    UNAVAILABLE = _row(
        "temporarily_unavailable",
        503,
        "AS-503",
        "The authority cannot decide safely right now. Try again with a new assertion.",
    )
    REGISTER_SILENT = _row(
        "temporarily_unavailable",
        503,
        "AS-504",
        "The register of delegations {value} does not answer, so nothing is issued. Try again with a new assertion.",
    )
    FAULT = _row(
        "server_error",
        500,
        "AS-500",
        "The authority failed to answer. The operator finds the cause under the trace id.",
    )

    @property
    def row(self) -> RefusalKind:
        """What the table says of it."""
        return self.value

    @property
    def dotted(self) -> str:
        """The word kept in the record: the member's name, lower case, words joined by a dot."""
        return self.name.lower().replace("_", ".")


# Maskinporten calls these faults of the request; for a client that authenticates they are faults of its credentials.
_FAULTS_OF_ASSERTIONS = frozenset(
    {Reason.ASSERTION_MALFORMED, Reason.ASSERTION_SIZE, Reason.CLAIM_VALUE, Reason.CLAIM_UNKNOWN}
)


class Refusal(Exception):
    """A request refused by rule. Rendered in one place, `web/render.py`.

    `value` fills the sentence and must come from the registry or from our own tables, never from unproven input;
    `detail` is for the record only and may name what was asked. `retry_after` is in seconds.
    """

    def __init__(self, reason: Reason, *, value: str = "", detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(reason.dotted)
        self.reason = reason
        self.value = value
        self.detail = detail
        self.retry_after = retry_after
        self.error = reason.row.error
        self.status = reason.row.status

    def for_client_authentication(self) -> Refusal:
        """The same refusal where the assertion authenticates a client: `invalid_client`, 401 (RFC 7521 §4.2.1)."""
        refusal = Refusal(self.reason, value=self.value, detail=self.detail, retry_after=self.retry_after)
        if refusal.error == "invalid_grant" or refusal.reason in _FAULTS_OF_ASSERTIONS:
            refusal.error, refusal.status = "invalid_client", 401
        return refusal

    @property
    def code(self) -> str:
        """The stable code, MP-nnn or AS-nnn."""
        return self.reason.row.code

    @property
    def sentence(self) -> str:
        """What the caller may read."""
        return self.reason.row.sentence.replace("{value}", self.value)
