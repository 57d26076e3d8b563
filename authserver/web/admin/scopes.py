"""`/scopes`: the scopes of the caller's organisation. Names stand in the query, for they may hold a slash."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from authserver.oauth.models import Scope
from authserver.registry import rights, scopes
from authserver.registry.members import fingerprint
from authserver.registry.replacing import listed_terms
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.documents import document, listing
from authserver.web.admin.rehearsed import Rehearsed
from authserver.web.admin.scope_models import ScopeBody, ScopeResponse, record_of
from authserver.web.admin.scope_models import scope as shown

READ: Final = ("scopes.read", "scopes.write")
WRITE: Final = ("scopes.write",)
ScopeReads = Annotated[Reading, Depends(reads(*READ))]
ScopeWrites = Annotated[Writing, Depends(writes(*WRITE))]
ScopeCreates = Annotated[Writing, Depends(creates(*WRITE))]
Named = Annotated[str, Query(alias="scope", description="The scope's name, `prefix:subscope`.")]
router = APIRouter(tags=["scopes"], route_class=StrictRoute)


async def response(call: Reading, found: Scope) -> ScopeResponse:
    """Write one scope with the times of its changes."""
    return shown(found, await call.parts.times.of([found.ref]))


@router.get("/scopes", response_model=list[ScopeResponse] | ScopeResponse)
async def list_scopes(
    call: ScopeReads,
    inactive: Annotated[bool, Query()] = False,  # noqa: FBT002
    scope: Annotated[str | None, Query(description="The older way to read one scope.")] = None,
) -> Response:
    """Scopes of the caller's organisation; deactivated ones if asked."""
    if scope is not None:
        return await read_scope(scope, call)
    found = [known for known in await scopes.listed(call.store, call.actor) if known.active or inactive]
    times = await call.parts.times.of([known.ref for known in found])
    return listing(shown(known, times) for known in found)


@router.get("/scopes/scope", response_model=ScopeResponse)
async def read_scope(name: Named, call: ScopeReads) -> Response:
    """One scope of the caller's organisation."""
    found = await scopes.read(call.store, call.actor, name=name)
    return document(await response(call, found), {"etag": f'"{fingerprint(found)}"'})


@router.post("/scopes", response_model=ScopeResponse | Rehearsed)
async def add_scope(body: ScopeBody, call: ScopeCreates) -> Response:
    """Define a scope under a prefix of the caller's. A deactivated one of this name is a conflict."""
    wanted = record_of(body, call.actor.orgno).applied_to(None)
    made = await scopes.add(call.store, call.actor, call.now, scope=wanted, reason=call.reason)
    return await call.answer(lambda: response(call, made))


@router.put("/scopes", response_model=ScopeResponse | Rehearsed)
async def put_scope(name: Named, body: ScopeBody, call: ScopeWrites) -> Response:
    """Replace a scope's terms; `active: true`, the default, revives a deactivated one."""
    record = record_of(body, call.actor.orgno, name)
    store = call.guard(lambda change: rights.scope(change, call.actor, name), required=False)
    terms = listed_terms(record, active=body.active is not False)
    changed = await scopes.amend(store, call.actor, call.now, name=name, terms=terms, reason=call.reason)
    return await call.answer(lambda: response(call, changed))


@router.delete("/scopes", response_model=ScopeResponse | Rehearsed)
async def delete_scope(name: Named, call: ScopeWrites) -> Response:
    """Deactivate a scope, effective at once; access and registrations stay."""
    store = call.guard(lambda change: rights.scope(change, call.actor, name), required=False)
    changed = await scopes.set_active(store, call.actor, call.now, name=name, active=False, reason=call.reason)
    return await call.answer(lambda: response(call, changed))
