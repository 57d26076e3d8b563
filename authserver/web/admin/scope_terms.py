"""`/api/v1/scope-terms`: on which terms the caller's scopes are had, beyond what the compatible API can say."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import Scope
from authserver.registry import rights, scopes
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, tagged
from authserver.web.admin.rehearsed import Rehearsed
from authserver.web.admin.scopes import ScopeReads, ScopeWrites

Approver = Literal["owner", "listed", "any"]
router = APIRouter(tags=["scope terms"], route_class=StrictRoute)


class ScopeTerms(Closed):
    """What is to be different; what is left out stays."""

    max_age: int = Field(default=0, description="The longest life of its tokens in seconds; 0 is the default.")
    token_profile: str | None = Field(default=None, description="The profile its tokens must have; null for any.")
    approval: Approver = Field(default="owner", description="Who answers requests: the owner, or its rule at once.")
    approved_consumers: list[str] = Field(
        default=[], max_length=scopes.MOST_APPROVED_CONSUMERS, description="Whom the rule `listed` approves."
    )
    review_at: int | None = Field(default=None, description="When the owner looks at it again, seconds since 1970.")
    contact: str | None = Field(default=None, description="Whom to ask about it.")


class ScopeTermsDocument(BaseModel):
    """The terms of one scope; members as of what changes them."""

    scope: str
    max_age: int
    token_profile: str | None
    approval: Approver
    approved_consumers: list[str]
    review_at: int | None
    contact: str | None


def _document(found: Scope) -> ScopeTermsDocument:
    return ScopeTermsDocument(
        scope=found.name,
        max_age=found.max_age,
        token_profile=found.token_profile,
        approval=found.approval,
        approved_consumers=list(found.approved_consumers),
        review_at=found.review_at,
        contact=found.contact,
    )


@router.get("/scope-terms", response_model=Page[ScopeTermsDocument])
async def list_scope_terms(
    call: ScopeReads,
    paging: Paged,
    prefix: Annotated[str | None, Query(description="Only of scopes under this prefix.")] = None,
) -> Response:
    """The terms of the caller's scopes, deactivated ones too, by the scopes' names."""
    found = await scopes.page(call.store, call.actor, window=paging.window(call), prefix=prefix)
    return paging.answer(call, found, _document)


# A scope's name may hold slashes.
@router.get("/scope-terms/{scope:path}", response_model=ScopeTermsDocument)
async def read_scope_terms(scope: str, request: Request, call: ScopeReads) -> Response:
    """The terms of one scope of the caller's."""
    found = await scopes.read(call.store, call.actor, name=scope)
    return tagged(request, found, _document(found))


@router.patch("/scope-terms/{scope:path}", response_model=ScopeTermsDocument | Rehearsed)
async def change_scope_terms(scope: str, body: ScopeTerms, call: ScopeWrites) -> Response:
    """Change the terms of a scope; they hold for the next token and the next request. Needs If-Match."""
    amended = await scopes.amend(
        call.guard(lambda change: rights.scope(change, call.actor, scope)),
        call.actor,
        call.now,
        name=scope,
        terms=body.model_dump(exclude_unset=True),
        reason=call.reason,
    )
    return await changed(call, amended, _document(amended))
