"""`/api/v1/delegation-sources`: registers of delegations that other authorities keep; the operator's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from authserver.oauth.models import DelegationSource
from authserver.registry import delegation_sources
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.documents import Closed
from authserver.web.admin.organisations import OperatorCreates, OperatorReads, OperatorWrites
from authserver.web.admin.pages import Page, Paged, changed, tag
from authserver.web.admin.rehearsed import Rehearsed

router = APIRouter(tags=["delegation sources"], route_class=StrictRoute)


class NewSource(Closed):
    """A register to rely on. It is asked at `lookup_url`, with a token of ours for the scope `token_scope`."""

    issuer: str
    name: str
    lookup_url: str
    token_scope: str


class SourceChange(Closed):
    """What is to be different."""

    active: bool


class SourceDocument(BaseModel):
    """A register that another authority keeps."""

    issuer: str
    name: str
    lookup_url: str
    token_scope: str
    active: bool


def _document(found: DelegationSource) -> SourceDocument:
    return SourceDocument(
        issuer=found.issuer,
        name=found.name,
        lookup_url=found.lookup_url,
        token_scope=found.token_scope,
        active=found.active,
    )


@router.get("/delegation-sources", response_model=Page[SourceDocument])
async def list_sources(call: OperatorReads, paging: Paged) -> Response:
    """Every register by issuer, deactivated ones too."""
    found = await delegation_sources.page(call.store, call.actor, window=paging.window(call))
    return paging.answer(call, found, _document)


@router.post("/delegation-sources", status_code=201, response_model=SourceDocument | Rehearsed)
async def add_source(body: NewSource, call: OperatorCreates) -> Response:
    """Let scopes rely on a register."""
    new = DelegationSource(body.issuer, body.name, body.lookup_url, body.token_scope)
    made = await delegation_sources.add(
        call.store, call.actor, call.now, source=new, own=call.parts.issuer, reason=call.reason
    )
    return await call.answer(_document(made), 201, tag(made))


@router.patch("/delegation-sources", response_model=SourceDocument | Rehearsed)
async def change_source(
    body: SourceChange, call: OperatorWrites, issuer: Annotated[str, Query(description="Which register.")]
) -> Response:
    """Stop relying on a register, effective at once, or rely on it again. Needs If-Match."""
    amended = await delegation_sources.set_active(
        call.guard(lambda change: delegation_sources.read_in(change, issuer=issuer)),
        call.actor,
        call.now,
        issuer=issuer,
        active=body.active,
        reason=call.reason,
    )
    return await changed(call, amended, _document(amended))
