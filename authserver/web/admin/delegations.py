"""`/api/v1/delegations`: mandates that the caller's organisation gave, holds, handed on, or is to consent to."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from authserver.oauth.models import Delegation
from authserver.registry import delegations, redelegation, rights
from authserver.web.admin import pages
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.delegation_models import DelegationDocument, NewDelegation, NewHop, NewProposal, document
from authserver.web.admin.pages import Page, Paged, tagged
from authserver.web.admin.rehearsed import Rehearsed

READ: Final = ("delegations.read", "delegations.write")
WRITE: Final = ("delegations.write",)
DelegationReads = Annotated[Reading, Depends(reads(*READ))]
DelegationWrites = Annotated[Writing, Depends(writes(*WRITE))]
DelegationCreates = Annotated[Writing, Depends(creates(*WRITE))]
router = APIRouter(tags=["delegations"], route_class=StrictRoute)


@router.get("/delegations", response_model=Page[DelegationDocument])
async def list_delegations(
    call: DelegationReads,
    paging: Paged,
    consumer_orgno: Annotated[str | None, Query()] = None,
    supplier_orgno: Annotated[str | None, Query()] = None,
    owner_orgno: Annotated[str | None, Query(description="Only with a scope of this owner.")] = None,
) -> Response:
    """Delegations that the caller gave, holds or handed on, by id; with itself as owner, those with its scopes."""
    found = await delegations.page(
        call.store,
        call.actor,
        window=paging.window(call),
        consumer_orgno=consumer_orgno,
        supplier_orgno=supplier_orgno,
        owner_orgno=owner_orgno,
    )
    return paging.answer(call, found, lambda one: document(one, call.now))


@router.post("/delegations", status_code=201, response_model=DelegationDocument | Rehearsed)
async def add_delegation(body: NewDelegation, call: DelegationCreates) -> Response:
    """Give a supplier a mandate for scopes that can be delegated here; it waits where an owner must consent."""
    new = delegations.NewDelegation(
        body.consumer_orgno or call.actor.orgno,
        body.supplier_orgno,
        body.scopes,
        body.valid_to,
        body.package,
        body.purpose,
        body.mandate,
    )
    made = await delegations.add(
        call.store,
        call.actor,
        call.now,
        new=new,
        issuer=call.parts.issuer,
        new_id=call.new_id,
        reason=call.reason,
    )
    return await created(call, made)


@router.post("/delegations/proposals", status_code=201, response_model=DelegationDocument | Rehearsed)
async def propose_delegation(body: NewProposal, call: DelegationCreates) -> Response:
    """Propose a mandate to the other side, for the consumer to decide on."""
    new = delegations.NewDelegation(
        body.consumer_orgno,
        body.supplier_orgno,
        body.scopes,
        body.valid_to,
        body.package,
        body.purpose,
        body.mandate,
    )
    made = await delegations.propose(
        call.store,
        call.actor,
        call.now,
        new=new,
        issuer=call.parts.issuer,
        new_id=call.new_id,
        proposed_by=body.proposed_by,
        reason=call.reason,
    )
    return await created(call, made)


@router.post("/delegations/{held_id}/redelegate", status_code=201, response_model=DelegationDocument | Rehearsed)
async def redelegate(held_id: str, body: NewHop, call: DelegationCreates) -> Response:
    """Hand a mandate that the caller holds on to a further supplier, as far as the scopes' owners let it."""
    new = redelegation.NewHop(
        held_id, body.supplier_orgno, body.scopes, body.valid_to, purpose=body.purpose, mandate=body.mandate
    )
    made = await redelegation.redelegate(
        call.store,
        call.actor,
        call.now,
        new=new,
        issuer=call.parts.issuer,
        new_id=call.new_id,
        reason=call.reason,
    )
    return await created(call, made)


@router.get("/delegations/{delegation_id}", response_model=DelegationDocument)
async def read_delegation(delegation_id: str, request: Request, call: DelegationReads) -> Response:
    """One delegation that concerns the caller."""
    found = await delegations.read(call.store, call.actor, delegation_id=delegation_id)
    return tagged(request, found, document(found, call.now))


@router.delete("/delegations/{delegation_id}", response_model=DelegationDocument | Rehearsed)
async def revoke_delegation(delegation_id: str, call: DelegationWrites) -> Response:
    """End a delegation at once and for ever, and all that hangs on it. Needs If-Match."""
    store = call.guard(lambda change: rights.delegation(change, call.actor, delegation_id))
    ended = await delegations.revoke(store, call.actor, call.now, delegation_id=delegation_id, reason=call.reason)
    return await changed(call, ended)


async def created(call: Writing, made: Delegation) -> Response:
    """Answer a delegation that was made."""
    return await pages.created(call, made, document(made, call.now), f"delegations/{made.id}")


async def changed(call: Writing, found: Delegation) -> Response:
    """Answer a delegation that was changed."""
    return await pages.changed(call, found, document(found, call.now))
