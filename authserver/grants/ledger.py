"""Decision records: fingerprints and names of what was decided, never a secret."""

from __future__ import annotations

from hashlib import sha256

from authserver.grants.judgement import Judgement
from authserver.grants.ports import SignedToken
from authserver.oauth.authorization import Authorization
from authserver.oauth.decision import Decision
from authserver.oauth.errors import Refusal


def issued(
    judged: Judgement, granted: Authorization, token: SignedToken, jti: str, *, trace_id: str, at: int, node: str
) -> Decision:
    """Record a token that is about to leave."""
    return Decision(
        trace_id=trace_id,
        at=at,
        epoch=judged.epoch,
        node=node,
        outcome="issued",
        client_id=granted.client_id,
        client_orgno=granted.client_orgno,
        consumer_orgno=granted.consumer_orgno,
        supplier_orgno=granted.supplier_orgno or "",
        scopes=granted.scopes,
        audience=granted.audience,
        delegation_id=" ".join(granted.delegation_ids),
        profile=judged.signed.profile.name,
        kid=judged.signed.kid,
        assertion_id=judged.signed.assertion_id,
        detail=granted.evidence,
        token_jti=jti,
        token_sha256=sha256(token.compact.encode("ascii")).hexdigest(),
        token_expires_at=granted.expires_at,
        signing_kid=token.kid,
        remember_until=judged.signed.remember_until,
    )


def refused(judged: Judgement, refusal: Refusal, *, trace_id: str, at: int, node: str) -> Decision:
    """Record why a client that proved itself got no token."""
    client, signed = judged.client, judged.signed
    return Decision(
        trace_id=trace_id,
        at=at,
        epoch=judged.epoch,
        node=node,
        outcome="refused",
        client_id=client.client_id,
        client_orgno=client.orgno,
        consumer_orgno=signed.consumer_org or client.orgno,
        supplier_orgno="" if signed.consumer_org is None else client.orgno,
        scopes=signed.scopes,
        audience=signed.resources,
        profile=signed.profile.name,
        kid=signed.kid,
        assertion_id=signed.assertion_id,
        code=refusal.code,
        reason=refusal.reason.dotted,
        detail=refusal.detail or refusal.value,
    )
