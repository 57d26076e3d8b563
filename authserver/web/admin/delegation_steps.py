"""`/api/v1/delegations/{id}/…`: what becomes of a delegation, each step by whoever it is up to. All need If-Match."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from authserver.registry import delegation_decisions, delegation_ending, rights
from authserver.registry.ports import RegistryStore
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


def _as_seen(call: Writing, delegation_id: str) -> RegistryStore:
    return call.guard(lambda change: rights.delegation(change, call.actor, delegation_id))


@router.post("/delegations/{proposal_id}/accept", response_model=DelegationDocument | Rehearsed)
async def accept(proposal_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Agree to a proposal as its consumer."""
    found = await delegation_decisions.accept(
        _as_seen(call, proposal_id),
        call.actor,
        call.now,
        delegation_id=proposal_id,
        issuer=call.parts.issuer,
        mandate=mandate,
        reason=call.reason,
    )
    return await changed(call, found)


@router.post("/delegations/{proposal_id}/decline", response_model=DelegationDocument | Rehearsed)
async def decline(proposal_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Turn a proposal down for ever, as one of its parties or as an owner who is asked for consent."""
    found = await delegation_decisions.decline(
        _as_seen(call, proposal_id),
        call.actor,
        call.now,
        delegation_id=proposal_id,
        mandate=mandate,
        reason=call.reason,
    )
    return await changed(call, found)


@router.post("/delegations/{delegation_id}/consent", response_model=DelegationDocument | Rehearsed)
async def consent(
    delegation_id: str,
    call: DelegationWrites,
    mandate: Mandate = "",
    for_owner: Annotated[str | None, Query(description="For the operator: for which owner; for all if absent.")] = None,
) -> Response:
    """Agree to a delegation as the owner of a scope that demands it."""
    found = await delegation_decisions.consent(
        _as_seen(call, delegation_id),
        call.actor,
        call.now,
        delegation_id=delegation_id,
        issuer=call.parts.issuer,
        owner_orgno=for_owner,
        mandate=mandate,
        reason=call.reason,
    )
    return await changed(call, found)


@router.post("/delegations/{delegation_id}/suspend", response_model=DelegationDocument | Rehearsed)
async def suspend(delegation_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Put a delegation out of force at once, and all that hangs on it, until the caller resumes it."""
    found = await delegation_ending.suspend(
        _as_seen(call, delegation_id),
        call.actor,
        call.now,
        delegation_id=delegation_id,
        mandate=mandate,
        reason=call.reason,
    )
    return await changed(call, found)


@router.post("/delegations/{delegation_id}/resume", response_model=DelegationDocument | Rehearsed)
async def resume(delegation_id: str, call: DelegationWrites, mandate: Mandate = "") -> Response:
    """Take back the caller's own suspension."""
    found = await delegation_ending.resume(
        _as_seen(call, delegation_id),
        call.actor,
        call.now,
        delegation_id=delegation_id,
        issuer=call.parts.issuer,
        mandate=mandate,
        reason=call.reason,
    )
    return await changed(call, found)
