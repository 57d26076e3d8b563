"""Statements of delegations, from text to DelegationStatement: online with `StatementVerifier`, or from files alone."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tillit.access_errors import InvalidToken
from tillit.clock import Clock, SystemClock
from tillit.core.statement import (
    CONSENT_TYPE,
    DelegationStatement,
    Evidence,
    InvalidStatement,
    check_consent,
    check_statement,
    consent_claims,
    read_statement,
)
from tillit.core.status_list import Status
from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import UnverifiedJwt
from tillit.jose.encoding import MalformedJose, b64url_encode
from tillit.jose.public_keys import KeySet, read_jwks
from tillit.jwks import JwksSource
from tillit.signers import Signer
from tillit.status_lists import StatusLists, read_status_token, verify_status_list

_NOT_ACTIVE = "the delegation is not in force: "


class StatementVerifier:
    """Verifies statements of one authority with its keys, and asks its status list. Safe to share.

    With `lists` None nothing is asked: the statement then proves that the delegation was given, not that it still is.
    """

    def __init__(self, issuer: str, jwks: JwksSource, lists: StatusLists | None, *, clock: Clock | None = None) -> None:
        self.issuer = issuer
        self._jwks = jwks
        self._lists = lists
        self._clock: Clock = clock or SystemClock()

    @staticmethod
    def for_issuer(issuer: str, *, allow_http: bool = False, clock: Clock | None = None) -> StatementVerifier:
        """A verifier for one authority, whose metadata is looked up at first use. Raises ConfigError."""
        jwks = JwksSource.for_issuer(issuer, allow_http=allow_http, clock=clock)
        return StatementVerifier(issuer, jwks, StatusLists(issuer, jwks, clock=clock), clock=clock)

    def verify(self, document: str | bytes) -> DelegationStatement:
        """The delegation that `document` proves, in force now.

        Raises InvalidStatement, KeysUnavailable, or StatusUnavailable when the status list cannot be had.
        """
        evidence = Evidence.parse(document)
        found = read_statement(evidence.statement)
        try:
            key = self._jwks.key(found.kid, found.alg)
        except InvalidToken as error:
            raise InvalidStatement(str(error)) from None
        proven = _prove(evidence, found, key, self.issuer, int(self._clock.time()))
        return proven if self._lists is None else _in_force(proven, self._lists.status(proven.reference))

    async def averify(self, document: str | bytes) -> DelegationStatement:
        """The same, awaited."""
        evidence = Evidence.parse(document)
        found = read_statement(evidence.statement)
        try:
            key = await self._jwks.akey(found.kid, found.alg)
        except InvalidToken as error:
            raise InvalidStatement(str(error)) from None
        proven = _prove(evidence, found, key, self.issuer, int(self._clock.time()))
        return proven if self._lists is None else _in_force(proven, await self._lists.astatus(proven.reference))


def verify_statement(
    document: str | bytes, issuer: str, jwks: bytes, *, status_list: str | None = None, now: int
) -> DelegationStatement:
    """The delegation that `document` proves at `now` (epoch seconds), with what was fetched before and nobody asked.

    `jwks` is the authority's JWK Set, `status_list` the token that was read at the address in the statement; without
    it the statement proves only that the delegation was given. Raises InvalidStatement or StatusUnavailable, and
    ConfigError if `jwks` is no JWK Set.
    """
    try:
        keys = read_jwks(jwks)
    except MalformedJose as error:
        raise ConfigError(str(error)) from None
    evidence = Evidence.parse(document)
    found = read_statement(evidence.statement)
    proven = _prove(evidence, found, _key(keys, found), issuer, now)
    if status_list is None:
        return proven
    token = read_status_token(status_list.strip())
    listed = verify_status_list(token, _key(keys, token), proven.reference.uri, now, issuer=issuer)
    try:
        return _in_force(proven, listed.status(proven.reference.index))
    except MalformedJose as error:
        raise InvalidStatement(str(error)) from None


def sign_consent(statement: Mapping[str, Any], client_id: str, signer: Signer, now: int) -> str:
    """A consent to the delegation in `statement`, verified claims of it, for the authority to keep beside it.

    `signer` is that of a key registered on the client. Raises ConfigError for a signer that can only be awaited.
    """
    header = {"alg": signer.alg, "typ": CONSENT_TYPE, **signer.header()}
    parts = (header, consent_claims(statement, client_id, now))
    signing_input = ".".join(b64url_encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    signature = signer.sign(signing_input.encode("ascii"))
    if not isinstance(signature, bytes):
        if inspect.iscoroutine(signature):
            signature.close()
        raise ConfigError("this signer can only be awaited")
    return f"{signing_input}.{b64url_encode(signature)}"


def _prove(evidence: Evidence, found: UnverifiedJwt, key: PublicKey, issuer: str, now: int) -> DelegationStatement:
    if not algorithms.verify(found.alg, key, found.signing_input, found.signature):
        raise InvalidStatement("the signature is not valid")
    proven = check_statement(found.claims, issuer, now)
    return replace(proven, consent_thumbprint=check_consent(evidence, found.claims))


def _in_force(proven: DelegationStatement, status: Status) -> DelegationStatement:
    if status is not Status.VALID:
        raise InvalidStatement(_NOT_ACTIVE + status.name.lower())
    return replace(proven, status=status)


def _key(keys: KeySet, found: UnverifiedJwt) -> PublicKey:
    key = keys.find(found.kid, found.alg)
    if key is None:
        raise InvalidStatement("the key is not among those given")
    return key.key
