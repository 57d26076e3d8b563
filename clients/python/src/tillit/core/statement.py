"""Signed statements of delegations, and the consent of whoever gave one.

A statement is the authority's word, a JWS of type `delegation+jwt`. A consent is the giver's, of type
`delegation-consent+jwt`, over the digest of the terms in the statement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tillit.core.access_token import Claims, Organisation
from tillit.core.status_list import Status, StatusReference
from tillit.errors import TillitError
from tillit.jose import algorithms
from tillit.jose.compact import UnverifiedJwt, read_compact
from tillit.jose.encoding import MalformedJose, b64url_encode, read_json_object
from tillit.jose.public_keys import VerificationKey, read_public_jwk, thumbprint

STATEMENT_TYPE: Final = "delegation+jwt"
CONSENT_TYPE: Final = "delegation-consent+jwt"
MAX_STATEMENT: Final = 128 * 1024
_TERMS: Final = ("delegation", "exp", "iss", "nbf")
_CONSENT: Final = frozenset({"iss", "sub", "aud", "iat", "terms"})


class InvalidStatement(TillitError):
    """The statement proves nothing; the message says why and never quotes it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an authority hands out: the statement, and with it a consent and the key that made it, or neither."""

    statement: str = field(repr=False)
    consent: str | None = field(default=None, repr=False)
    consent_key: Mapping[str, Any] | None = field(default=None, repr=False)

    @staticmethod
    def parse(document: str | bytes) -> Evidence:
        """The evidence in a compact JWS, or in the JSON document of the admin API. Raises InvalidStatement."""
        text = document.encode("utf-8") if isinstance(document, str) else document
        text = text.strip()
        if len(text) > 2 * MAX_STATEMENT:
            raise InvalidStatement("the document is too large")
        try:
            members = read_json_object(text) if text.startswith(b"{") else {"statement": text.decode("ascii")}
        except (MalformedJose, UnicodeDecodeError):
            raise InvalidStatement("the document is neither a compact JWS nor a JSON object") from None
        statement, consent, key = members.get("statement"), members.get("consent"), members.get("consent_key")
        if not isinstance(statement, str) or not isinstance(consent, str | None) or not isinstance(key, dict | None):
            raise InvalidStatement("the document has no statement, or odd members")
        return Evidence(statement, consent, key)


@dataclass(frozen=True, slots=True)
class DelegationStatement:
    """A statement whose signature, times and, where asked for, status were found good. Times are epoch seconds.

    `giver` gave the delegation: the consumer, or at `depth` 1 and more the supplier that passed on `parent`.
    `consent_thumbprint` is the RFC 7638 thumbprint of the key the giver signed with, None when it did not sign;
    `status` is None when no status list was looked at.
    """

    issuer: str
    id: str
    consumer: Organisation
    supplier: Organisation
    giver: Organisation
    scopes: frozenset[str]
    valid_from: int
    valid_to: int
    depth: int
    reference: StatusReference
    parent: str | None = None
    package: str | None = None
    purpose: str | None = None
    consent_thumbprint: str | None = None
    status: Status | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read_statement(text: str) -> UnverifiedJwt:
    """Take a statement apart, of which nothing is proven yet. Raises InvalidStatement."""
    try:
        found = read_compact(text, MAX_STATEMENT)
    except MalformedJose as error:
        raise InvalidStatement(str(error)) from None
    if found.typ != STATEMENT_TYPE:
        raise InvalidStatement("the type is not that of a statement")
    return found


def check_statement(claims: Mapping[str, Any], issuer: str, now: int, leeway: int = 10) -> DelegationStatement:
    """The statement these verified claims of `issuer` make at `now`. Raises InvalidStatement."""
    about = claims.get("delegation")
    if claims.get("iss") != issuer:
        raise InvalidStatement("another authority made the statement")
    if not isinstance(about, dict) or not isinstance(about.get("scope"), str):
        raise InvalidStatement("the claims are not those of a statement")
    if not isinstance(about.get("id"), str) or about.get("id") != claims.get("sub"):
        raise InvalidStatement("the statement does not say which delegation it is about")
    begins, ends, depth = _whole(claims, "nbf"), _whole(claims, "exp"), _whole(about, "depth")
    if begins > now + leeway:
        raise InvalidStatement("the delegation has not begun")
    if now >= ends:
        raise InvalidStatement("the delegation has expired")
    try:
        consumer, supplier, giver = (Organisation.parse(about.get(name)) for name in ("consumer", "supplier", "giver"))
        reference = StatusReference.parse(claims)
    except ValueError:
        raise InvalidStatement("the statement names no parties, or no status list") from None
    return DelegationStatement(
        issuer=issuer,
        id=about["id"],
        consumer=consumer,
        supplier=supplier,
        giver=giver,
        scopes=frozenset(about["scope"].split()),
        valid_from=begins,
        valid_to=ends,
        depth=depth,
        reference=reference,
        parent=_text(about, "parent"),
        package=_text(about, "package"),
        purpose=_text(about, "purpose"),
        claims=Claims(claims),
    )


def terms_digest(claims: Mapping[str, Any]) -> str:
    """The base64url SHA-256 over the terms in a statement, as canonical JSON (RFC 8785)."""
    terms = {name: claims[name] for name in _TERMS if name in claims}
    text = json.dumps(terms, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return b64url_encode(hashlib.sha256(text.encode("utf-8")).digest())


def consent_claims(statement: Mapping[str, Any], client_id: str, now: int) -> dict[str, Any]:
    """The claims that a client of the giver's signs, as type `delegation-consent+jwt`, to consent to a statement."""
    return {
        "iss": client_id,
        "sub": statement["sub"],
        "aud": statement["iss"],
        "iat": now,
        "terms": terms_digest(statement),
    }


def check_consent(evidence: Evidence, claims: Mapping[str, Any]) -> str | None:
    """The thumbprint of the key that consented to a verified statement, None when nobody did.

    The key must be the one that the authority saw registered, by the statement. Raises InvalidStatement.
    """
    if evidence.consent is None:
        return None
    named = claims.get("consent")
    if evidence.consent_key is None or not isinstance(named, dict):
        raise InvalidStatement("the statement knows of no consent, or the key is missing")
    try:
        key = read_public_jwk(evidence.consent_key)
        found = read_compact(evidence.consent)
    except ValueError as error:
        raise InvalidStatement(f"the consent cannot be read: {error}") from None
    mark = thumbprint(key.key)
    if mark != named.get("jkt"):
        raise InvalidStatement("the key of the consent is not the one in the statement")
    _check_consent(found, key, claims, named)
    return mark


def _check_consent(
    found: UnverifiedJwt, key: VerificationKey, claims: Mapping[str, Any], named: Mapping[str, Any]
) -> None:
    if found.typ != CONSENT_TYPE or found.claims.keys() != _CONSENT:
        raise InvalidStatement("the consent is none by its type or its claims")
    if found.alg != key.alg or not algorithms.verify(key.alg, key.key, found.signing_input, found.signature):
        raise InvalidStatement("the signature of the consent is not valid")
    said = found.claims
    if (said["iss"], said["sub"], said["aud"]) != (named.get("client_id"), claims.get("sub"), claims.get("iss")):
        raise InvalidStatement("the consent is another client's, or about something else")
    if said["terms"] != terms_digest(claims):
        raise InvalidStatement("the consent is to other terms")


def _whole(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidStatement("the times or the depth of the statement are malformed")
    return value


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) else None
