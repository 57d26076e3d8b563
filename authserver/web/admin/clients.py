"""`/clients`: the clients of the caller's organisation, as existing tools register and change them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from authserver.oauth.models import Client
from authserver.registry import administration, clients, rights
from authserver.registry.members import fingerprint
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.client_models import ClientBody, ClientResponse, amendment, judge_kind, kept, shown
from authserver.web.admin.documents import document, listing
from authserver.web.admin.rehearsed import Rehearsed

READ: Final = ("dcr.read", "dcr.write", "dcr.modify")
WRITE: Final = ("dcr.write",)
router = APIRouter(tags=["clients"], route_class=StrictRoute)
ClientReads = Annotated[Reading, Depends(reads(*READ))]
ClientWrites = Annotated[Writing, Depends(writes(*WRITE))]
# Tools of suppliers come with `dcr.supplier`, and are to be told why it makes nothing.
ClientCreates = Annotated[Writing, Depends(creates(*WRITE, "dcr.supplier"))]


async def response(call: Reading, client: Client) -> ClientResponse:
    """Write one client with the times of its changes."""
    return shown(client, await call.parts.times.of([client.ref]))


@router.get("/clients", response_model=list[ClientResponse])
async def list_clients(call: ClientReads, inactive: Annotated[bool, Query()] = False) -> Response:  # noqa: FBT002
    """Clients of the caller's organisation; deactivated ones if asked."""
    found = [client for client in await clients.listed(call.store, call.actor) if client.active or inactive]
    times = await call.parts.times.of([client.ref for client in found])
    return listing(shown(client, times) for client in found)


@router.post("/clients", response_model=ClientResponse | Rehearsed)
async def add_client(body: ClientBody, call: ClientCreates) -> Response:
    """Register a client; without `client_id` it gets a new one. A deactivated one with this id is a conflict."""
    judge_kind(body)
    administration.refuse_for_customers(call.caller, body.client_orgno or "")
    new = clients.NewClient(
        body.client_orgno or call.actor.orgno,
        body.scopes or [],
        body.client_id or None,
        body.name,
        token_lifetime=body.access_token_lifetime or 0,
        extras=kept(body),
    )
    made = await clients.add(call.store, call.actor, call.now, new=new, new_id=call.new_id, reason=call.reason)
    return await call.answer(lambda: response(call, made))


@router.get("/clients/{client_id}", response_model=ClientResponse)
async def read_client(client_id: str, call: ClientReads) -> Response:
    """One client."""
    found = await clients.read(call.store, call.actor, client_id=client_id)
    return document(await response(call, found), {"etag": f'"{fingerprint(found)}"'})


@router.put("/clients/{client_id}", response_model=ClientResponse | Rehearsed)
async def put_client(client_id: str, body: ClientBody, call: ClientWrites) -> Response:
    """Replace a client's terms; `active: true`, the default, revives a deactivated one."""
    present = await clients.read(call.store, call.actor, client_id=client_id)
    terms = amendment(body, client_id, present.orgno)
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    changed = await clients.amend(store, call.actor, call.now, client_id=client_id, terms=terms, reason=call.reason)
    return await call.answer(lambda: response(call, changed))


@router.delete("/clients/{client_id}", response_model=Rehearsed | None)
async def delete_client(client_id: str, call: ClientWrites) -> Response:
    """Deactivate a client, effective at once; nothing is erased."""
    store = call.guard(lambda change: rights.client(change, call.actor, client_id), required=False)
    await clients.set_active(store, call.actor, call.now, client_id=client_id, active=False, reason=call.reason)
    return await call.answer(nothing)


async def nothing() -> Any:
    """The body of an answer that has none."""
    return None
