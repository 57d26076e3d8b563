"""The claims of an access token whose signature has been verified (RFC 9068 section 4; the Maskinporten profile)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillit.access_errors import InvalidToken
from tillit.core.access_token import AccessToken, Claims, Organisation
from tillit.core.confirmation import Confirmation
from tillit.core.policy import AT_JWT, Policy


def check_claims(claims: Mapping[str, Any], typ: str | None, policy: Policy, now: int) -> AccessToken:
    """The token these verified claims make under `policy` at `now` (seconds since the Unix epoch).

    `typ` is the header's, which decides the profile: `at+jwt` must have `sub` and `aud`, the other need not.
    That a token is bound is said in its `confirmation`, and is the caller's to prove. Raises InvalidToken.
    """
    issuer = _text(claims, "iss")
    if issuer not in policy.issuers:
        raise InvalidToken("the issuer is not accepted")
    issued_at, expires_at = _check_times(claims, policy, now)
    audience = _check_audience(claims, typ, policy)
    subject = _text(claims, "sub") if typ == AT_JWT else _optional_text(claims, "sub")
    supplier = _organisation(claims, "supplier") if "supplier" in claims else None
    return AccessToken(
        issuer=issuer,
        client_id=_text(claims, "client_id"),
        consumer=_organisation(claims, "consumer"),
        scopes=_scopes(claims),
        issued_at=issued_at,
        expires_at=expires_at,
        jti=_text(claims, "jti"),
        supplier=supplier,
        delegation_source=_optional_text(claims, "delegation_source"),
        delegation_chain=_chain(claims, supplier),
        audience=audience,
        client_amr=_optional_text(claims, "client_amr"),
        subject=subject,
        pid=_optional_text(claims, "pid"),
        authorization_details=_details(claims),
        confirmation=Confirmation.parse(claims["cnf"]) if "cnf" in claims else None,
        claims=Claims(claims),
    )


def holds_during(token: AccessToken, policy: Policy) -> range:
    """The seconds (since the Unix epoch) during which a token that was good once is good without asking the leeway."""
    end = token.expires_at if policy.max_age is None else min(token.expires_at, token.issued_at + policy.max_age)
    return range(max(token.issued_at, token.claims.get("nbf", 0)), end)


def _check_times(claims: Mapping[str, Any], policy: Policy, now: int) -> tuple[int, int]:
    issued_at, expires_at = _seconds(claims, "iat"), _seconds(claims, "exp")
    if now >= expires_at + policy.leeway:
        raise InvalidToken("the token has expired", expired=True)
    if issued_at > now + policy.leeway:
        raise InvalidToken("the token was issued in the future")
    if expires_at <= issued_at:
        raise InvalidToken("the token expires before it was issued")
    if "nbf" in claims and _seconds(claims, "nbf") > now + policy.leeway:
        raise InvalidToken("the token is not valid yet")
    if policy.max_age is not None and now - issued_at > policy.max_age + policy.leeway:
        raise InvalidToken("the token is older than this API accepts", expired=True)
    return issued_at, expires_at


def _check_audience(claims: Mapping[str, Any], typ: str | None, policy: Policy) -> tuple[str, ...]:
    if "aud" not in claims:
        if typ == AT_JWT or not policy.accept_unaddressed:
            raise InvalidToken("the token names no audience")
        return ()
    value = claims["aud"]
    audience = tuple(value) if isinstance(value, list) else (value,)
    if not audience or not all(isinstance(item, str) and item for item in audience):
        raise InvalidToken("the claim aud is malformed")
    if policy.audience.isdisjoint(audience):
        raise InvalidToken("the token is addressed to another API")
    return audience


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get("scope", "")
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidToken("the claim scope is malformed")
    return frozenset(names)


def _chain(claims: Mapping[str, Any], supplier: Organisation | None) -> tuple[Organisation, ...]:
    """Through whom the delegation went; it ends with the one that calls, or it is not this token's."""
    if "delegation_chain" not in claims:
        return ()
    links = claims["delegation_chain"]
    try:
        chain = tuple(map(Organisation.parse, links if isinstance(links, list) else ()))
    except ValueError:
        chain = ()
    if not chain or chain[-1] != supplier or len(set(chain)) < len(chain):
        raise InvalidToken("the claim delegation_chain is malformed")
    return chain


def _organisation(claims: Mapping[str, Any], name: str) -> Organisation:
    try:
        return Organisation.parse(claims.get(name))
    except ValueError:
        raise InvalidToken(f"the claim {name} is missing or malformed") from None


def _details(claims: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    value = claims.get("authorization_details", [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidToken("the claim authorization_details is malformed")
    return tuple(Claims(item) for item in value)


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidToken(f"the claim {name} is missing or not a whole number of seconds")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise InvalidToken(f"the claim {name} is missing or malformed")
    return value


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    return _text(claims, name) if name in claims else None
