"""`/api/v1/prefix-requests`: prefixes that the caller's organisation asks for, and the operator's answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.models import PrefixRequest
from authserver.registry import prefix_requests, rights
from authserver.registry.ports import RegistryStore
from authserver.web.admin.access_requests import Approval, Denial, Orgno, State
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.documents import Closed
from authserver.web.admin.organisations import OperatorWrites
from authserver.web.admin.pages import Page, Paged, changed, created, tagged
from authserver.web.admin.rehearsed import Rehearsed

WRITE: Final = "scopes.write"
RequestReads = Annotated[Reading, Depends(reads("scopes.read", WRITE))]
Asks = Annotated[Writing, Depends(creates(WRITE))]
Withdraws = Annotated[Writing, Depends(writes(WRITE))]
router = APIRouter(tags=["prefix requests"], route_class=StrictRoute)


class NewPrefixRequest(Closed):
    """A prefix, and what it is needed for."""

    prefix: str
    purpose: str
    orgno: str | None = Field(default=None, description="The caller's own organisation unless the operator.")


class PrefixRequestDocument(BaseModel):
    """An organisation's request for a prefix, and what became of it; times are seconds since 1970."""

    id: str
    prefix: str
    orgno: str
    purpose: str
    state: State
    asked_at: int
    decided_at: int | None = Field(description="Null until somebody decided.")
    answer: str = Field(description="What the operator said with the decision.")


def _document(found: PrefixRequest) -> PrefixRequestDocument:
    return PrefixRequestDocument(
        id=found.id,
        prefix=found.prefix,
        orgno=found.orgno,
        purpose=found.purpose,
        state=found.state,
        asked_at=found.asked_at,
        decided_at=found.decided_at or None,
        answer=found.answer,
    )


@router.get("/prefix-requests", response_model=Page[PrefixRequestDocument])
async def list_prefix_requests(
    call: RequestReads,
    paging: Paged,
    state: Annotated[State | None, Query(description="Only in this state.")] = None,
    orgno: Orgno = None,
) -> Response:
    """Requests that the caller made, by id; for the operator, everybody's."""
    found = await prefix_requests.page(call.store, call.actor, window=paging.window(call), orgno=orgno, state=state)
    return paging.answer(call, found, _document)


@router.post("/prefix-requests", status_code=201, response_model=PrefixRequestDocument | Rehearsed)
async def ask_for_prefix(body: NewPrefixRequest, call: Asks) -> Response:
    """Ask for a prefix. One that is taken, or looks like another organisation's, is refused at once."""
    asked = await prefix_requests.ask(
        call.store,
        call.actor,
        call.now,
        new=prefix_requests.NewPrefixRequest(body.prefix, body.orgno or call.actor.orgno, body.purpose),
        new_id=call.new_id,
        reason=call.reason,
    )
    return await created(call, asked, _document(asked), f"prefix-requests/{asked.id}")


@router.get("/prefix-requests/{prefix_request_id}", response_model=PrefixRequestDocument)
async def read_prefix_request(prefix_request_id: str, request: Request, call: RequestReads) -> Response:
    """One request of the caller's."""
    found = await prefix_requests.read(call.store, call.actor, request_id=prefix_request_id)
    return tagged(request, found, _document(found))


@router.post("/prefix-requests/{prefix_request_id}/approve", response_model=PrefixRequestDocument | Rehearsed)
async def approve_prefix_request(prefix_request_id: str, body: Approval, call: OperatorWrites) -> Response:
    """Give the prefix to whoever asked, for ever. Needs If-Match."""
    return await _decide(prefix_requests.approve, call, prefix_request_id, body.answer)


@router.post("/prefix-requests/{prefix_request_id}/deny", response_model=PrefixRequestDocument | Rehearsed)
async def deny_prefix_request(prefix_request_id: str, body: Denial, call: OperatorWrites) -> Response:
    """Refuse the prefix, and say why. Needs If-Match."""
    return await _decide(prefix_requests.deny, call, prefix_request_id, body.answer)


@router.post("/prefix-requests/{prefix_request_id}/withdraw", response_model=PrefixRequestDocument | Rehearsed)
async def withdraw_prefix_request(prefix_request_id: str, call: Withdraws) -> Response:
    """Take a request back that nobody has decided. Needs If-Match."""
    withdrawn = await prefix_requests.withdraw(
        _guarded(call, prefix_request_id), call.actor, call.now, request_id=prefix_request_id, reason=call.reason
    )
    return await changed(call, withdrawn, _document(withdrawn))


async def _decide(
    use_case: Callable[..., Awaitable[PrefixRequest]], call: Writing, request_id: str, answer: str
) -> Response:
    decided = await use_case(
        _guarded(call, request_id), call.actor, call.now, request_id=request_id, answer=answer, reason=call.reason
    )
    return await changed(call, decided, _document(decided))


def _guarded(call: Writing, request_id: str) -> RegistryStore:
    return call.guard(lambda change: rights.prefix_request(change, call.actor, request_id))
