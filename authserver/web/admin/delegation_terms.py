"""`/api/v1/delegation-terms`: what the owner of a scope demands of its delegations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import Scope
from authserver.registry import delegation_terms, rights, scopes
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, tagged
from authserver.web.admin.rehearsed import Rehearsed
from authserver.web.admin.scopes import ScopeReads, ScopeWrites

router = APIRouter(tags=["delegation terms"], route_class=StrictRoute)


class DelegationTerms(Closed):
    """What is to be different; what is left out stays."""

    delegation_source: str | None = Field(
        default=None, description="The issuer of the register that proves delegations; null forbids them."
    )
    delegation_max_life: int = Field(default=0, description="How many seconds one lasts at most; 0 is the ceiling.")
    delegation_consent: bool = Field(default=False, description="Whether the owner must consent to each.")
    delegation_suppliers: list[str] = Field(
        default=[], max_length=delegation_terms.MOST_SUPPLIERS, description="Who alone may be a supplier; none: anyone."
    )
    redelegation_depth: int = Field(default=0, description="How often a supplier may hand it on, 0 to 3.")


class DelegationTermsDocument(BaseModel):
    """The terms of one scope; members as of what changes them."""

    scope: str
    delegation_source: str | None
    delegation_max_life: int
    delegation_consent: bool
    delegation_suppliers: list[str]
    redelegation_depth: int


def _document(found: Scope) -> DelegationTermsDocument:
    return DelegationTermsDocument(
        scope=found.name,
        delegation_source=found.delegation_source,
        delegation_max_life=found.delegation_max_life,
        delegation_consent=found.delegation_consent,
        delegation_suppliers=list(found.delegation_suppliers),
        redelegation_depth=found.redelegation_depth,
    )


@router.get("/delegation-terms", response_model=Page[DelegationTermsDocument])
async def list_delegation_terms(
    call: ScopeReads,
    paging: Paged,
    prefix: Annotated[str | None, Query(description="Only of scopes under this prefix.")] = None,
) -> Response:
    """The terms of the caller's scopes, deactivated ones too, by the scopes' names."""
    found = await scopes.page(call.store, call.actor, window=paging.window(call), prefix=prefix)
    return paging.answer(call, found, _document)


# A scope's name may hold slashes.
@router.get("/delegation-terms/{scope:path}", response_model=DelegationTermsDocument)
async def read_delegation_terms(scope: str, request: Request, call: ScopeReads) -> Response:
    """The terms of one scope of the caller's."""
    found = await scopes.read(call.store, call.actor, name=scope)
    return tagged(request, found, _document(found))


@router.patch("/delegation-terms/{scope:path}", response_model=DelegationTermsDocument | Rehearsed)
async def change_delegation_terms(scope: str, body: DelegationTerms, call: ScopeWrites) -> Response:
    """Change the terms. Needs If-Match.

    Source and suppliers count for the next token already; length, consent and depth for delegations to come.
    """
    amended = await scopes.amend(
        call.guard(lambda change: rights.scope(change, call.actor, scope)),
        call.actor,
        call.now,
        name=scope,
        terms=body.model_dump(exclude_unset=True),
        reason=call.reason,
    )
    return await changed(call, amended, _document(amended))
