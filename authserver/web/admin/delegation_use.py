"""`/api/v1/delegation-use` and each delegation's `use`: what suppliers did in whose name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from authserver.registry import delegation_use
from authserver.registry.delegation_use import MOST_DAYS, Mirror, Period
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.delegations import DelegationReads
from authserver.web.admin.pages import Page, Paged

router = APIRouter(tags=["delegations"], route_class=StrictRoute)
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, today among them; days are of UTC.")]


class DelegationUse(BaseModel):
    """What a supplier did by virtue of one delegation. Each mapping counts tokens; a token may name several scopes."""

    delegation_id: str
    consumer_orgno: str
    supplier_orgno: str
    since: int = Field(description="From when on tokens were counted, seconds since 1970.")
    complete_since: int | None = Field(
        description="Not null when there were too many records to read: the figures are whole from this second on only."
    )
    tokens: int
    first_at: int | None = Field(description="When the first of these tokens was issued, seconds since 1970.")
    last_at: int | None
    days: dict[str, int] = Field(description="Tokens by day, such as 2026-11-23.")
    scopes: dict[str, int] = Field(description="Tokens by scope; owners of scopes see their own.")
    audiences: dict[str, int] = Field(description="Tokens by audience; for the parties alone.")
    clients: dict[str, int] = Field(description="Tokens by the supplier's client.")


@router.get("/delegations/{delegation_id}/use", response_model=DelegationUse)
async def read_delegation_use(delegation_id: str, call: DelegationReads, days: Days = 30) -> Response:
    """What one delegation was used for, for its parties and for the owners of its scopes."""
    period = Period(call.now, days)
    found = await delegation_use.read(
        call.store, call.parts.delegation_records, call.actor, period, delegation_id=delegation_id
    )
    return JSONResponse(_shown(found, period).model_dump(mode="json"), headers={"cache-control": "no-store"})


@router.get("/delegation-use", response_model=Page[DelegationUse])
async def list_delegation_use(
    call: DelegationReads,
    paging: Paged,
    role: Annotated[
        Literal["consumer", "supplier", "owner"], Query(description="Delegations given, held, or of scopes owned.")
    ] = "consumer",
    orgno: Annotated[str | None, Query(description="Whose; the caller's own organisation unless the operator.")] = None,
    days: Days = 30,
) -> Response:
    """What delegations were used for, by the delegation's id, used or not."""
    period = Period(call.now, days)
    found = await delegation_use.page(
        call.store,
        call.parts.delegation_records,
        call.actor,
        period,
        window=paging.window(call),
        role=role,
        orgno=orgno or call.actor.orgno,
    )
    return paging.answer(call, found, lambda mirror: _shown(mirror, period))


def _shown(mirror: Mirror, period: Period) -> DelegationUse:
    use, given = mirror.use, mirror.delegation
    return DelegationUse(
        delegation_id=given.id,
        consumer_orgno=given.consumer_orgno,
        supplier_orgno=given.supplier_orgno,
        since=period.since,
        complete_since=use.complete_since,
        tokens=use.tokens,
        first_at=use.first_at,
        last_at=use.last_at,
        days={datetime.fromtimestamp(day, UTC).date().isoformat(): tokens for day, tokens in use.days.items()},
        scopes=dict(use.scopes),
        audiences=dict(use.audiences),
        clients=dict(use.clients),
    )
