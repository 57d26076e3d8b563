"""`/api/v1/quotas`: how much the caller's organisation may have, and has."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.registry import quotas
from authserver.registry.ports import Quota
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.changes import ChangeReads
from authserver.web.admin.documents import document

router = APIRouter(tags=["quotas"], route_class=StrictRoute)
Orgno = Annotated[str | None, Query(description="The caller's own organisation unless the operator.")]


class QuotaDocument(BaseModel):
    """How many of a kind the organisation may have, and has; of clients and scopes, deactivated ones count too."""

    quota: Quota = Field(description="`waiting`: requests that nobody has decided; `webhooks`: active ones.")
    limit: int
    is_default: bool = Field(description="Whether the operator left it at that.")
    used: int


class QuotasDocument(BaseModel):
    """What one organisation may have, and has."""

    orgno: str
    quotas: list[QuotaDocument]


@router.get("/quotas", response_model=QuotasDocument)
async def read_quotas(call: ChangeReads, orgno: Orgno = None) -> Response:
    """What the caller's organisation may have, and has. The operator changes it with the organisation."""
    asked = orgno or call.actor.orgno
    found = await quotas.read(call.store, call.actor, orgno=asked)
    return document(QuotasDocument(orgno=asked, quotas=[QuotaDocument(**asdict(usage)) for usage in found]))
