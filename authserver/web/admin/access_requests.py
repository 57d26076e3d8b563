"""`/api/v1/access-requests`: what the caller's organisation asks of scope owners, and what is asked of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import AccessRequest
from authserver.registry import access_requests, rights
from authserver.registry.ports import Change, RegistryStore
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, created, tagged
from authserver.web.admin.rehearsed import Rehearsed

READ: Final = ("dcr.read", "dcr.write", "scopes.read", "scopes.write")
RequestReads = Annotated[Reading, Depends(reads(*READ))]
Asks = Annotated[Writing, Depends(creates("dcr.write"))]
Withdraws = Annotated[Writing, Depends(writes("dcr.write"))]
Decides = Annotated[Writing, Depends(writes("scopes.write"))]
State = Literal["REQUESTED", "APPROVED", "DENIED", "WITHDRAWN"]
Orgno = Annotated[str | None, Query(pattern=r"^[0-9]{9}$", description="For the operator: only of this organisation.")]
router = APIRouter(tags=["access requests"], route_class=StrictRoute)


class NewAccessRequest(Closed):
    """A scope, what it is needed for, and what allows the consumer to have it."""

    scope: str
    purpose: str
    legal_basis: str
    consumer_orgno: str | None = Field(default=None, description="The caller's own organisation unless the operator.")


class Approval(Closed):
    """What the owner has to say to the consumer, if anything."""

    answer: str = ""


class Denial(Closed):
    """Why not, for the consumer and the change log."""

    answer: str


class AccessRequestDocument(BaseModel):
    """A consumer's request for a scope, and what became of it; times are seconds since 1970."""

    id: str
    scope: str
    consumer_orgno: str
    purpose: str
    legal_basis: str
    state: State
    asked_at: int
    decided_at: int | None = Field(description="Null until somebody decided.")
    answer: str = Field(description="What the owner said with the decision.")
    by_rule: bool = Field(description="Whether the owner's rule decided.")


def _document(found: AccessRequest) -> AccessRequestDocument:
    return AccessRequestDocument(
        id=found.id,
        scope=found.scope,
        consumer_orgno=found.consumer_orgno,
        purpose=found.purpose,
        legal_basis=found.legal_basis,
        state=found.state,
        asked_at=found.asked_at,
        decided_at=found.decided_at or None,
        answer=found.answer,
        by_rule=found.by_rule,
    )


@router.get("/access-requests", response_model=Page[AccessRequestDocument])
async def list_access_requests(
    call: RequestReads,
    paging: Paged,
    direction: Annotated[
        Literal["made", "received"], Query(description="Whether the caller asked, or is the one to answer.")
    ] = "made",
    scope: Annotated[str | None, Query(description="Only for this scope.")] = None,
    state: Annotated[State | None, Query(description="Only in this state.")] = None,
    orgno: Orgno = None,
) -> Response:
    """Requests that the caller made as a consumer, or received as the owner of scopes, by id."""
    window = paging.window(call)
    if direction == "made":
        found = await access_requests.made(call.store, call.actor, window=window, orgno=orgno, scope=scope, state=state)
    else:
        found = await access_requests.received(
            call.store, call.actor, window=window, owner_orgno=orgno, scope=scope, state=state
        )
    return paging.answer(call, found, _document)


@router.post("/access-requests", status_code=201, response_model=AccessRequestDocument | Rehearsed)
async def ask_for_access(body: NewAccessRequest, call: Asks) -> Response:
    """Ask for a scope. Its owner answers; a rule of the owner's may approve at once."""
    asked = await access_requests.ask(
        call.store,
        call.actor,
        call.now,
        new=access_requests.NewAccessRequest(
            body.scope, body.consumer_orgno or call.actor.orgno, body.purpose, body.legal_basis
        ),
        new_id=call.new_id,
        reason=call.reason,
    )
    return await created(call, asked, _document(asked), f"access-requests/{asked.id}")


@router.get("/access-requests/{access_request_id}", response_model=AccessRequestDocument)
async def read_access_request(access_request_id: str, request: Request, call: RequestReads) -> Response:
    """One request that the caller made or is to answer."""
    found = await access_requests.read(call.store, call.actor, request_id=access_request_id)
    return tagged(request, found, _document(found))


@router.post("/access-requests/{access_request_id}/approve", response_model=AccessRequestDocument | Rehearsed)
async def approve_access_request(access_request_id: str, body: Approval, call: Decides) -> Response:
    """Let the consumer have the scope, at once. The scope's owner may. Needs If-Match."""
    return await _decide(access_requests.approve, call, access_request_id, body.answer)


@router.post("/access-requests/{access_request_id}/deny", response_model=AccessRequestDocument | Rehearsed)
async def deny_access_request(access_request_id: str, body: Denial, call: Decides) -> Response:
    """Refuse the consumer the scope, and say why. The scope's owner may. Needs If-Match."""
    return await _decide(access_requests.deny, call, access_request_id, body.answer)


@router.post("/access-requests/{access_request_id}/withdraw", response_model=AccessRequestDocument | Rehearsed)
async def withdraw_access_request(access_request_id: str, call: Withdraws) -> Response:
    """Take a request back that nobody has decided. The consumer may. Needs If-Match."""
    withdrawn = await access_requests.withdraw(
        _guarded(call, access_request_id), call.actor, call.now, request_id=access_request_id, reason=call.reason
    )
    return await changed(call, withdrawn, _document(withdrawn))


async def _decide(
    use_case: Callable[..., Awaitable[AccessRequest]], call: Writing, request_id: str, answer: str
) -> Response:
    decided = await use_case(
        _guarded(call, request_id), call.actor, call.now, request_id=request_id, answer=answer, reason=call.reason
    )
    return await changed(call, decided, _document(decided))


def _guarded(call: Writing, request_id: str) -> RegistryStore:
    async def seen(change: Change) -> AccessRequest:
        return (await rights.access_request(change, call.actor, request_id))[0]

    return call.guard(seen)
