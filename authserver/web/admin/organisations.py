"""`/api/v1/organisations`: the operator registers, renames, deactivates and reactivates organisations."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import Organisation
from authserver.registry import organisations
from authserver.registry.administration import OPERATOR
from authserver.registry.ports import Quota
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, created, tagged
from authserver.web.admin.rehearsed import Rehearsed

OperatorReads = Annotated[Reading, Depends(reads(OPERATOR))]
OperatorWrites = Annotated[Writing, Depends(writes(OPERATOR))]
OperatorCreates = Annotated[Writing, Depends(creates(OPERATOR))]
router = APIRouter(tags=["organisations"], route_class=StrictRoute)


class NewOrganisation(Closed):
    """An organisation to be registered."""

    orgno: str
    name: str


class Limits(Closed):
    """How many of each an organisation may have; what is left out stays, null is the default."""

    clients: int | None = None
    scopes: int | None = None
    waiting: int | None = Field(default=None, description="Requests that nobody has decided.")
    webhooks: int | None = Field(default=None, description="Active ones.")


class OrganisationChange(Closed):
    """What is to be different; what is left out or null stays."""

    name: str | None = None
    active: bool | None = None
    limits: Limits | None = None


class OrganisationDocument(BaseModel):
    """A legal entity, known by its nine-digit number."""

    orgno: str
    name: str
    active: bool
    limits: Limits = Field(description="What the operator lets it have; null is the default.")


def _document(found: Organisation) -> OrganisationDocument:
    limits = Limits(
        clients=found.most_clients,
        scopes=found.most_scopes,
        waiting=found.most_waiting,
        webhooks=found.most_webhooks,
    )
    return OrganisationDocument(orgno=found.orgno, name=found.name, active=found.active, limits=limits)


@router.get("/organisations", response_model=Page[OrganisationDocument])
async def list_organisations(call: OperatorReads, paging: Paged) -> Response:
    """Every organisation by number."""
    found = await organisations.page(call.store, call.actor, window=paging.window(call))
    return paging.answer(call, found, _document)


@router.post("/organisations", status_code=201, response_model=OrganisationDocument | Rehearsed)
async def add_organisation(body: NewOrganisation, call: OperatorCreates) -> Response:
    """Register an organisation."""
    made = await organisations.add(
        call.store, call.actor, call.now, orgno=body.orgno, name=body.name, reason=call.reason
    )
    return await created(call, made, _document(made), f"organisations/{made.orgno}")


@router.get("/organisations/{orgno}", response_model=OrganisationDocument)
async def read_organisation(orgno: str, request: Request, call: OperatorReads) -> Response:
    """One organisation."""
    found = await organisations.read(call.store, call.actor, orgno=orgno)
    return tagged(request, found, _document(found))


@router.patch("/organisations/{orgno}", response_model=OrganisationDocument | Rehearsed)
async def change_organisation(orgno: str, body: OrganisationChange, call: OperatorWrites) -> Response:
    """Rename, limit, deactivate or reactivate an organisation; all that it has follows at once. Needs If-Match."""
    limits: dict[Quota, int | None] = (
        {} if body.limits is None else cast("dict[Quota, int | None]", body.limits.model_dump(exclude_unset=True))
    )
    store = call.guard(lambda change: organisations.read_in(change, call.actor, orgno=orgno))
    amended = await organisations.amend(
        store,
        call.actor,
        call.now,
        orgno=orgno,
        name=body.name,
        active=body.active,
        limits=limits,
        reason=call.reason,
    )
    return await changed(call, amended, _document(amended))
