"""`/api/v1/delegations/{id}/statement` and `…/signature`: what its parties can prove a delegation with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.registry import evidence, rights
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.delegations import DelegationReads, DelegationWrites
from authserver.web.admin.documents import Closed, document
from authserver.web.admin.rehearsed import Rehearsed

router = APIRouter(tags=["delegations"], route_class=StrictRoute)


class StatementDocument(BaseModel):
    """Evidence of a delegation, for anyone to verify with our published keys."""

    statement: str = Field(description="Our statement, a compact JWS of type delegation+jwt.")
    consent: str | None = Field(description="The giver's own signature, of type delegation-consent+jwt, if it signed.")
    consent_key: dict[str, Any] | None = Field(description="The public key (JWK) that verifies the consent.")


class Signature(Closed):
    """A signature over the terms of a delegation."""

    consent: str = Field(description="A compact JWS of type delegation-consent+jwt.", min_length=1, max_length=8192)


class SignatureDocument(BaseModel):
    """Whose key signed a delegation, and when (seconds since 1970) it came."""

    delegation_id: str
    client_id: str
    kid: str
    thumbprint: str
    at: int


@router.get("/delegations/{delegation_id}/statement", response_model=StatementDocument)
async def read_statement(delegation_id: str, call: DelegationReads) -> Response:
    """A signed statement of a delegation that is active or suspended, for its parties to show to others."""
    found = await evidence.state(
        call.store, call.actor, call.now, delegation_id=delegation_id, authority=call.parts.evidence
    )
    kept = found.consent
    shown = StatementDocument(
        statement=found.statement,
        consent=kept.signature if kept else None,
        consent_key=kept.public_key if kept else None,
    )
    return document(shown)


@router.put("/delegations/{delegation_id}/signature", response_model=SignatureDocument | Rehearsed)
async def sign_delegation(delegation_id: str, body: Signature, call: DelegationWrites) -> Response:
    """Add the signature of whoever gave a delegation, made with a registered key of a client of its own."""
    store = call.guard(lambda change: rights.delegation(change, call.actor, delegation_id), required=False)
    kept = await evidence.add_consent(
        store,
        call.actor,
        call.now,
        delegation_id=delegation_id,
        signed=body.consent,
        authority=call.parts.evidence,
        reason=call.reason,
    )

    key = kept.key
    shown = SignatureDocument(
        delegation_id=kept.delegation_id, client_id=key.client_id, kid=key.kid, thumbprint=key.thumbprint, at=key.at
    )
    return await call.answer(shown)
