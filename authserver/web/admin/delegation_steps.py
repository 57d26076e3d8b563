"""`/api/v1/delegations/{id}/…`: what becomes of a delegation, each step by whoever it is up to. All need If-Match."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from authserver.oauth.models import Delegation
from authserver.registry import delegation_decisions, delegation_ending, rights
from authserver.registry.text import NAME_LENGTH
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Writing
from authserver.web.admin.delegation_models import DelegationDocument
from authserver.web.admin.delegations import DelegationWrites, changed
from authserver.web.admin.rehearsed import Rehearsed

router = APIRouter(tags=["delegations"], route_class=StrictRoute)
Mandate = Annotated[
    str, Query(max_length=NAME_LENGTH, description="By what right; it is recorded, and everybody concerned sees it.")
]


@router.post("/delegations/{proposal_id}/accept", response_model=DelegationDocument | Rehearsed)
async def accept(proposal_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Agree to a proposal as its consumer."""
    return await _step(delegation_decisions.accept, call, proposal_id, mandate, issuer=call.parts.issuer)


@router.post("/delegations/{proposal_id}/decline", response_model=DelegationDocument | Rehearsed)
async def decline(proposal_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Turn a proposal down for ever, as one of its parties or as an owner who is asked for consent."""
    return await _step(delegation_decisions.decline, call, proposal_id, mandate)


@router.post("/delegations/{delegation_id}/consent", response_model=DelegationDocument | Rehearsed)
async def consent(
    delegation_id: str,
    call: DelegationWrites,
    mandate: Mandate = "",
    for_owner: Annotated[str | None, Query(description="For the operator: for which owner; for all if absent.")] = None,
) -> Response:
    """Agree to a delegation as the owner of a scope that demands it."""
    return await _step(
        delegation_decisions.consent, call, delegation_id, mandate, issuer=call.parts.issuer, owner_orgno=for_owner
    )


@router.post("/delegations/{delegation_id}/suspend", response_model=DelegationDocument | Rehearsed)
async def suspend(delegation_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Put a delegation out of force at once, and all that hangs on it, until the caller resumes it."""
    return await _step(delegation_ending.suspend, call, delegation_id, mandate)


@router.post("/delegations/{delegation_id}/resume", response_model=DelegationDocument | Rehearsed)
async def resume(delegation_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Take back the caller's own suspension."""
    return await _step(delegation_ending.resume, call, delegation_id, mandate, issuer=call.parts.issuer)


async def _step(
    use_case: Callable[..., Awaitable[Delegation]], call: Writing, delegation_id: str, mandate: str, **terms: str | None
) -> Response:
    store = call.guard(lambda change: rights.delegation(change, call.actor, delegation_id))
    found = await use_case(
        store, call.actor, call.now, delegation_id=delegation_id, mandate=mandate, reason=call.reason, **terms
    )
    return await changed(call, found)
