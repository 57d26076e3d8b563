"""Verifying a statement that somebody shows: with our public keys and a status list, and nobody asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authserver.oauth import consent, jose, limits, statement, status_list
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jwk import accept
from authserver.oauth.models import VerificationKey
from authserver.oauth.strict_json import parse_object

STATEMENT_CHARS: Final = 128 * 1024
STATUS_LIST_CHARS: Final = 1024 * 1024
FILE_BYTES: Final = 2 * STATEMENT_CHARS
_WORDS: Final = {status_list.VALID: "active", status_list.INVALID: "revoked", status_list.SUSPENDED: "suspended"}

_PARTIES: Final = frozenset({"id", "consumer", "supplier", "giver", "depth"})

Keys = Mapping[str, tuple[str, VerificationKey]]
"""Verification keys by `kid`, each with its one algorithm."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a file shows: the statement, and with it a consent and the key that verifies it, or neither."""

    statement: str
    consent: str | None = None
    consent_key: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a statement proves. `status` is None when no list was at hand; `consent` when the giver did not sign.

    `giver_thumbprint` is the RFC 7638 thumbprint of the key that the giver signed with.
    """

    claims: Mapping[str, Any]
    status: str | None
    giver_thumbprint: str | None


def read(data: bytes) -> Proof:
    """Read a file: a compact JWS, or the document that the admin API answers. Raises Refusal INVALID."""
    text = data.strip()
    if not text.startswith(b"{"):
        return Proof(text.decode("ascii", "replace"))
    try:
        found = parse_object(text)
    except ValueError:
        raise _refused("the file is neither a compact JWS nor one object of strict JSON") from None
    stated, signed, key = found.get("statement"), found.get("consent"), found.get("consent_key")
    if type(stated) is not str or not isinstance(signed, str | None) or not isinstance(key, dict | None):
        raise _refused("the file has no statement, or members of other kinds than it should")
    return Proof(stated, signed, key)


def keys(jwks: bytes) -> Keys:
    """Read a JWK Set (RFC 7517 §5), passing over keys that verify nothing here. Raises Refusal INVALID."""
    try:
        # The reader's own file, which may hold more keys than the strict reader counts members.
        listed = json.loads(jwks)["keys"]
    except (ValueError, KeyError, TypeError):
        listed = None
    if not isinstance(listed, list):
        raise _refused("the keys are not a JWK Set")
    usable: dict[str, tuple[str, VerificationKey]] = {}
    for jwk in listed:
        try:
            key = accept(jwk if isinstance(jwk, dict) else {})
        except Refusal:
            continue
        usable[key.kid] = (key.alg, key.verifier)
    return usable


def verify(proof: Proof, usable: Keys, issuer: str, now: int, listed: str | None = None) -> Proven:
    """Verify a statement of this issuer, the consent beside it, and its status in the list given.

    Raises Refusal INVALID, saying what is wrong.
    """
    stated = signed(proof.statement, statement.TYP, usable, STATEMENT_CHARS)
    _check_statement(stated, issuer, now)
    status = None if listed is None else _status(stated, listed, usable, issuer, now)
    if proof.consent is None:
        return Proven(stated, status, None)
    return Proven(stated, status, _consenting(proof, stated))


def signed(compact: str, typ: str, usable: Keys, most: int) -> Mapping[str, Any]:
    """Return the claims of a JWS of this type that one of these keys signed. Raises Refusal INVALID."""
    try:
        found = jose.read_document(compact, most)
    except Refusal:
        raise _refused("it is not a compact JWS") from None
    if found.header.get("typ") != typ:
        raise _refused(f"its type is not {typ}")
    alg, verifier = usable.get(str(found.header.get("kid")), ("", None))
    if verifier is None or found.header.get("alg") != alg:
        raise _refused(f"its key is not among those given ({typ})")
    if not verifier.verify(found.signing_input, found.signature):
        raise _refused(f"its signature is wrong ({typ})")
    return found.claims


def _check_statement(stated: Mapping[str, Any], issuer: str, now: int) -> None:
    begins, ends, about = stated.get("nbf"), stated.get("exp"), stated.get("delegation")
    if stated.get("iss") != issuer:
        raise _refused("another authority made it")
    if type(begins) is not int or type(ends) is not int or not isinstance(about, dict):
        raise _refused("it is no statement of a delegation")
    if not about.keys() >= _PARTIES or type(about.get("scope")) is not str:
        raise _refused("it does not say who may do what")
    if about.get("id") != stated.get("sub"):
        raise _refused("it is about two delegations")
    if begins > now + limits.CLOCK_SKEW:
        raise _refused("the delegation has not begun")
    if ends <= now:
        raise _refused("the delegation has expired")


def _status(stated: Mapping[str, Any], listed: str, usable: Keys, issuer: str, now: int) -> str:
    try:
        reference = stated["status"]["status_list"]
        index, uri = reference["idx"], reference["uri"]
    except (KeyError, TypeError):
        raise _refused("it names no status list") from None
    found = signed(listed, status_list.TYP, usable, STATUS_LIST_CHARS)
    if found.get("iss") != issuer or type(index) is not int:
        raise _refused("the status list is of another authority")
    try:
        status = status_list.read_claims(found, str(uri), now).status(index)
    except ValueError as fault:
        raise _refused(str(fault)) from None
    return _WORDS.get(status, "unknown")


def _consenting(proof: Proof, stated: Mapping[str, Any]) -> str:
    """Verify the giver's signature with the key shown, which our statement must know. Return the key's thumbprint."""
    named = stated.get("consent")
    if proof.consent_key is None or not isinstance(named, dict):
        raise _refused("the statement does not know of the consent beside it, or its key is missing")
    key = accept(proof.consent_key)
    if key.thumbprint != named.get("jkt"):
        raise _refused("the consent's key is not the one that the statement names")
    found = consent.read(str(proof.consent))
    if found.header.get("alg") != key.alg or not key.verifier.verify(found.signing_input, found.signature):
        raise _refused("the consent's signature is wrong")
    if found.claims["iss"] != named.get("client_id"):
        raise _refused("the consent is another client's than the statement names")
    consent.check_claims(found.claims, stated, str(stated["sub"]))
    return key.thumbprint


def _refused(what: str) -> Refusal:
    return Refusal(Reason.INVALID, value=f"The statement proves nothing: {what}")
