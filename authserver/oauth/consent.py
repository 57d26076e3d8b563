"""The giver's own signature on a delegation, so that a statement shows more than our word.

A consent is a compact JWS of type `delegation-consent+jwt` with exactly the claims `iss` (a client of the giver's),
`sub` (the delegation's id), `aud` (us), `iat`, and `terms`, the digest of the statement's terms. It names no scope and
ends never: neither an API nor our token endpoint can take it for anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authserver.oauth import jose, limits, statement
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jwk import verification_key
from authserver.oauth.models import Client, ClientKey, Delegation

TYP: Final = "delegation-consent+jwt"
_CLAIMS: Final = frozenset({"iss", "sub", "aud", "iat", "terms"})


@dataclass(frozen=True, slots=True)
class Consent:
    """A verified consent and the key that made it, kept as it was then: the client may drop it later."""

    delegation_id: str
    key: statement.ConsentKey
    alg: str
    jwk: str
    signature: str

    @property
    def public_key(self) -> dict[str, Any]:
        """The key as a JWK that says what it is for (RFC 7517 §4)."""
        return {**json.loads(self.jwk), "kid": self.key.kid, "use": "sig", "alg": self.alg}


def read(compact: str) -> jose.UnverifiedJws:
    """Read a consent without believing it, so that the client it names can be looked up. Raises Refusal INVALID."""
    try:
        found = jose.read_document(compact, limits.ASSERTION_BYTES)
    except Refusal:
        raise _refused("it is not a compact JWS") from None
    if found.header.get("typ") != TYP:
        raise _refused(f"its type is not {TYP}")
    if found.claims.keys() != _CLAIMS:
        raise _refused("its claims are not iss, sub, aud, iat and terms")
    return found


def verify(compact: str, client: Client, delegation: Delegation, issuer: str, now: int) -> Consent:
    """Verify that this client signed these terms, with a key that is registered now. Raises Refusal INVALID."""
    found = read(compact)
    key = _key(found.header, client, now)
    verifier = key.verifier or verification_key(json.loads(key.jwk), key.alg)
    if not verifier.verify(found.signing_input, found.signature):
        raise _refused("its signature is not that of the registered key")
    check_claims(found.claims, statement.terms(delegation, issuer), delegation.id)
    issued = found.claims["iat"]
    if found.claims["iss"] != client.client_id:
        raise _refused("it names another client")
    if type(issued) is not int or not 0 <= issued <= now + limits.CLOCK_SKEW:
        raise _refused("its iat is not a time that has been")
    signer = statement.ConsentKey(client.client_id, key.kid, key.thumbprint, now)
    return Consent(delegation.id, signer, key.alg, key.jwk, compact)


def check_claims(claims: Mapping[str, Any], stated: Mapping[str, Any], delegation_id: str) -> None:
    """Hold a consent to the terms of a statement. Raises Refusal INVALID."""
    if claims["sub"] != delegation_id:
        raise _refused("it is about another delegation")
    if claims["aud"] != stated["iss"]:
        raise _refused("it is addressed to another authority")
    if claims["terms"] != statement.digest(stated):
        raise _refused("it agrees to other terms")


def _key(header: Mapping[str, Any], client: Client, now: int) -> ClientKey:
    key = client.keys.get(str(header.get("kid")))
    if key is None or not key.active or key.expires_at <= now:
        raise _refused("its key is not registered on the client, or is no longer good")
    if header.get("alg") != key.alg:
        raise _refused("its algorithm is not the one its key is registered for")
    return key


def _refused(what: str) -> Refusal:
    return Refusal(Reason.INVALID, value=f"The consent is refused: {what}")
