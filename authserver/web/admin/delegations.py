"""`/api/v1/delegations`: mandates that the caller's organisation gave or holds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import Delegation
from authserver.registry import delegations, rights
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, tag, tagged
from authserver.web.admin.rehearsed import Rehearsed

READ: Final = ("delegations.read", "delegations.write")
WRITE: Final = ("delegations.write",)
DelegationReads = Annotated[Reading, Depends(reads(*READ))]
DelegationWrites = Annotated[Writing, Depends(writes(*WRITE))]
DelegationCreates = Annotated[Writing, Depends(creates(*WRITE))]
router = APIRouter(tags=["delegations"], route_class=StrictRoute)


class NewDelegation(Closed):
    """A mandate to be given. Without `valid_to` (seconds since 1970) it lasts a year."""

    supplier_orgno: str
    scopes: list[str] = Field(min_length=1, max_length=200)
    consumer_orgno: str | None = Field(default=None, description="The caller's own organisation unless the operator.")
    valid_to: int | None = None


class DelegationDocument(BaseModel):
    """A consumer's mandate to a supplier for some scopes; times are seconds since 1970."""

    id: str
    consumer_orgno: str
    supplier_orgno: str
    scopes: list[str]
    valid_from: int
    valid_to: int
    status: Literal["proposed", "active", "suspended", "revoked"]


def _shown(found: Delegation) -> DelegationDocument:
    return DelegationDocument(
        id=found.id,
        consumer_orgno=found.consumer_orgno,
        supplier_orgno=found.supplier_orgno,
        scopes=sorted(found.scopes),
        valid_from=found.valid_from,
        valid_to=found.valid_to,
        status=found.status,
    )


@router.get("/delegations", response_model=Page[DelegationDocument])
async def list_delegations(
    call: DelegationReads,
    paging: Paged,
    consumer_orgno: Annotated[str | None, Query()] = None,
    supplier_orgno: Annotated[str | None, Query()] = None,
) -> Response:
    """Delegations that the caller gave or holds, by id."""
    found = await delegations.page(
        call.store,
        call.actor,
        window=paging.window(call),
        consumer_orgno=consumer_orgno,
        supplier_orgno=supplier_orgno,
    )
    return paging.answer(call, found, _shown)


@router.post("/delegations", status_code=201, response_model=DelegationDocument | Rehearsed)
async def add_delegation(body: NewDelegation, call: DelegationCreates) -> Response:
    """Give a supplier a mandate for scopes that can be delegated here."""
    new = delegations.NewDelegation(
        body.consumer_orgno or call.actor.orgno, body.supplier_orgno, body.scopes, body.valid_to
    )
    made = await delegations.add(
        call.store, call.actor, call.now, new=new, issuer=call.parts.issuer, new_id=call.new_id
    )

    async def shown() -> DelegationDocument:
        return _shown(made)

    return await call.answer(shown, 201, {**tag(made), "location": f"/api/v1/delegations/{made.id}"})


@router.get("/delegations/{delegation_id}", response_model=DelegationDocument)
async def read_delegation(delegation_id: str, request: Request, call: DelegationReads) -> Response:
    """One delegation."""
    found = await delegations.read(call.store, call.actor, delegation_id=delegation_id)
    return tagged(request, found, _shown(found))


@router.delete("/delegations/{delegation_id}", response_model=DelegationDocument | Rehearsed)
async def revoke_delegation(delegation_id: str, call: DelegationWrites) -> Response:
    """End a delegation at once and for ever. Needs If-Match."""
    store = call.guard(lambda change: rights.delegation(change, call.actor, delegation_id))
    ended = await delegations.revoke(store, call.actor, call.now, delegation_id=delegation_id, reason=call.reason)

    async def shown() -> DelegationDocument:
        return _shown(ended)

    return await call.answer(shown, headers=tag(ended))
