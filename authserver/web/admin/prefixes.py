"""`/api/v1/prefixes`: the operator gives prefixes to organisations, deactivates and reactivates them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from authserver.oauth.models import Prefix
from authserver.registry import prefixes, rights
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.documents import Closed
from authserver.web.admin.organisations import OperatorCreates, OperatorReads, OperatorWrites
from authserver.web.admin.pages import Page, Paged, changed, created, tagged
from authserver.web.admin.rehearsed import Rehearsed

router = APIRouter(tags=["prefixes"], route_class=StrictRoute)


class NewPrefix(Closed):
    """A prefix to be given, for ever."""

    prefix: str
    owner_orgno: str


class PrefixChange(Closed):
    """What is to be different."""

    active: bool


class PrefixDocument(BaseModel):
    """A namespace of scopes and whose it is."""

    prefix: str
    owner_orgno: str
    active: bool


def _document(found: Prefix) -> PrefixDocument:
    return PrefixDocument(prefix=found.prefix, owner_orgno=found.owner_orgno, active=found.active)


@router.get("/prefixes", response_model=Page[PrefixDocument])
async def list_prefixes(call: OperatorReads, paging: Paged) -> Response:
    """Every prefix by name."""
    found = await prefixes.page(call.store, call.actor, window=paging.window(call))
    return paging.answer(call, found, _document)


@router.post("/prefixes", status_code=201, response_model=PrefixDocument | Rehearsed)
async def add_prefix(body: NewPrefix, call: OperatorCreates) -> Response:
    """Give an organisation a prefix."""
    made = await prefixes.add(
        call.store, call.actor, call.now, prefix=body.prefix, owner_orgno=body.owner_orgno, reason=call.reason
    )
    return await created(call, made, _document(made), f"prefixes/{made.prefix}")


@router.get("/prefixes/{prefix}", response_model=PrefixDocument)
async def read_prefix(prefix: str, request: Request, call: OperatorReads) -> Response:
    """One prefix."""
    found = await prefixes.read(call.store, call.actor, prefix=prefix)
    return tagged(request, found, _document(found))


@router.patch("/prefixes/{prefix}", response_model=PrefixDocument | Rehearsed)
async def change_prefix(prefix: str, body: PrefixChange, call: OperatorWrites) -> Response:
    """Deactivate a prefix, which stops all its scopes at once, or reactivate it. Needs If-Match."""
    store = call.guard(lambda change: rights.prefix(change, call.actor, prefix))
    amended = await prefixes.set_active(
        store, call.actor, call.now, prefix=prefix, active=body.active, reason=call.reason
    )
    return await changed(call, amended, _document(amended))
