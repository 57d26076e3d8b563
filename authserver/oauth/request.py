"""The token request, parsed once from its form (RFC 6749 §3.2, RFC 7523 §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from authserver.oauth import limits, orgno, scope
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.profiles import CLIENT_CREDENTIALS, JWT_BEARER

_CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AssertionKind(Enum):
    """What an assertion is presented as; each kind has rules that no other satisfies (RFC 8725 §3.12)."""

    GRANT = "authorization grant"
    CLIENT_AUTHENTICATION = "client authentication"


@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest:
    """A token request as sent. Nothing in it is proven; empty or absent members are None or empty.

    `scope` and `resources` stand in the form for `client_credentials`, and may repeat the claims of a grant.
    """

    grant_type: str
    kind: AssertionKind
    assertion: str
    client_id: str | None
    scope: tuple[str, ...] | None
    resources: tuple[str, ...]
    consumer_org: str | None


def parse(form: Mapping[str, tuple[str, ...]]) -> TokenRequest:
    """Read a form whose parameters are given once, `resource` excepted (RFC 8707 §2).

    An empty value counts as absent (RFC 6749 §3.2). Raises Refusal for what is missing, repeated or not supported.
    """
    for name, values in form.items():
        if len(values) > (limits.RESOURCES_PER_REQUEST if name == "resource" else 1):
            raise Refusal(Reason.PARAMETER_REPEATED)
    one = {name: values[0] for name, values in form.items() if values[0]}
    grant_type = one.get("grant_type")
    if grant_type is None:
        raise Refusal(Reason.PARAMETER_MISSING, detail="grant_type")
    kind, assertion = _assertion(grant_type, one)
    consumer_org = one.get("consumer_org")
    if consumer_org is not None and not orgno.is_nine_digits(consumer_org):
        raise Refusal(Reason.FORM, detail="consumer_org")
    return TokenRequest(
        grant_type=grant_type,
        kind=kind,
        assertion=assertion,
        client_id=one.get("client_id"),
        scope=scope.parse_request(one["scope"]) if "scope" in one else None,
        resources=tuple(value for value in form.get("resource", ()) if value),
        consumer_org=consumer_org,
    )


def _assertion(grant_type: str, one: Mapping[str, str]) -> tuple[AssertionKind, str]:
    if "client_secret" in one:
        raise Refusal(Reason.SEVERAL_AUTHENTICATIONS, detail="client_secret")
    if grant_type == JWT_BEARER:
        # The grant's own signature authenticates the client; a second credential could name another (RFC 7521 §4.2).
        if "client_assertion" in one:
            raise Refusal(Reason.SEVERAL_AUTHENTICATIONS, detail="client_assertion beside assertion")
        return AssertionKind.GRANT, _required(one, "assertion")
    if grant_type == CLIENT_CREDENTIALS:
        if _required(one, "client_assertion_type") != _CLIENT_ASSERTION_TYPE:
            raise Refusal(Reason.PARAMETER_MISSING, detail="client_assertion_type of RFC 7523")
        return AssertionKind.CLIENT_AUTHENTICATION, _required(one, "client_assertion")
    raise Refusal(Reason.GRANT_TYPE)


def _required(one: Mapping[str, str], name: str) -> str:
    if name not in one:
        raise Refusal(Reason.PARAMETER_MISSING, detail=name)
    return one[name]
