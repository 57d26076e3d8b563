"""`/clients/{id}/onbehalfof`: for whom else a client works, kept as it is said; it grants nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from authserver.registry import clients, onbehalfof, rights
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Writing, creates
from authserver.web.admin.client_keys import WRITE, KeyReads, KeyWrites
from authserver.web.admin.client_models import OnBehalfOf
from authserver.web.admin.client_models import on_behalf_of as shown
from authserver.web.admin.clients import nothing
from authserver.web.admin.documents import Lenient, document, listing
from authserver.web.admin.rehearsed import Rehearsed

EntryCreates = Annotated[Writing, Depends(creates(*WRITE))]
router = APIRouter(tags=["onbehalfof"], route_class=StrictRoute)


class OnBehalfOfBody(Lenient):
    """What may be said of somebody for whom the client works."""

    onbehalfof: str | None = None
    name: str | None = None
    display_name: str | None = None
    orgno: str | None = None
    organization_name: str | None = None
    description: str | None = None
    uri: str | None = None
    url: str | None = None
    logo_uri: str | None = None


def _said(body: OnBehalfOfBody) -> dict[str, Any]:
    return body.model_dump(exclude_none=True)


@router.get("/clients/{client_id}/onbehalfof", response_model=list[OnBehalfOf])
async def list_onbehalfof(client_id: str, call: KeyReads) -> Response:
    """For whom else a client works, as was said."""
    found = await clients.read(call.store, call.actor, client_id=client_id)
    return listing(shown(entry) for entry in onbehalfof.entries(found))


@router.post("/clients/{client_id}/onbehalfof", response_model=OnBehalfOf | Rehearsed)
async def add_onbehalfof(client_id: str, body: OnBehalfOfBody, call: EntryCreates) -> Response:
    """Say for whom else a client works. Nothing is granted by it."""
    made = await onbehalfof.add(
        call.store, call.actor, call.now, client_id=client_id, said=_said(body), reason=call.reason
    )
    return await call.answer(shown(made))


@router.get("/clients/{client_id}/onbehalfof/{onbehalfof_id}", response_model=OnBehalfOf)
async def read_onbehalfof(client_id: str, onbehalfof_id: str, call: KeyReads) -> Response:
    """One of them."""
    found = await clients.read(call.store, call.actor, client_id=client_id)
    return document(shown(onbehalfof.entry(found, onbehalfof_id)))


@router.put("/clients/{client_id}/onbehalfof/{onbehalfof_id}", response_model=OnBehalfOf | Rehearsed)
async def put_onbehalfof(client_id: str, onbehalfof_id: str, body: OnBehalfOfBody, call: KeyWrites) -> Response:
    """Replace what is said of one of them."""
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    changed = await onbehalfof.change(
        store,
        call.actor,
        call.now,
        client_id=client_id,
        entry_id=onbehalfof_id,
        said=_said(body),
        reason=call.reason,
    )
    return await call.answer(shown(changed))


@router.delete("/clients/{client_id}/onbehalfof/{onbehalfof_id}", response_model=Rehearsed | None)
async def delete_onbehalfof(client_id: str, onbehalfof_id: str, call: KeyWrites) -> Response:
    """Remove one of them."""
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    await onbehalfof.remove(
        store, call.actor, call.now, client_id=client_id, entry_id=onbehalfof_id, reason=call.reason
    )
    return await call.answer(nothing)
