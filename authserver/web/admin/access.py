"""`/scopes/access`: who may have the caller's scopes, and what the caller may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from authserver.oauth.models import Ref, Scope, ScopeAccess
from authserver.registry import access, rights
from authserver.registry.ports import Change, RegistryStore
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing
from authserver.web.admin.documents import listing, names_of
from authserver.web.admin.pages import tag
from authserver.web.admin.rehearsed import Rehearsed
from authserver.web.admin.scope_models import AccessResponse
from authserver.web.admin.scope_models import access as shown
from authserver.web.admin.scopes import Named, ScopeReads, ScopeWrites

router = APIRouter(tags=["access"], route_class=StrictRoute)
Inactive = Annotated[bool, Query(description="Also access that was denied.")]


@router.get("/scopes/access", response_model=list[AccessResponse])
async def list_given(
    call: ScopeReads,
    scope: Annotated[str | None, Query()] = None,
    consumer_orgno: Annotated[str | None, Query()] = None,
    inactive: Inactive = False,  # noqa: FBT002
) -> Response:
    """Access that the caller gave or was asked for, by scope or consumer."""
    rows = await access.listed(call.store, call.actor, scope=scope, consumer_orgno=consumer_orgno)
    found = await _documents(call, rows)
    own = [one for one in found if rights.is_own(call.actor, one.owner_orgno)]
    return listing(one for one in own if inactive or one.state != "DENIED")


@router.get("/scopes/access/all", response_model=list[AccessResponse])
async def list_received(call: ScopeReads, inactive: Inactive = False) -> Response:  # noqa: FBT002
    """Access that the caller has, had or asked for."""
    rows = await access.listed(call.store, call.actor, consumer_orgno=call.actor.orgno)
    return listing(one for one in await _documents(call, rows) if inactive or one.state != "DENIED")


@router.put("/scopes/access/{consumer_orgno}", response_model=AccessResponse | Rehearsed)
async def grant(consumer_orgno: str, name: Named, call: ScopeWrites) -> Response:
    """Let a consumer have a scope of the caller's."""
    made = await access.grant(
        _guarded(call, name, consumer_orgno),
        call.actor,
        call.now,
        scope=name,
        consumer_orgno=consumer_orgno,
        reason=call.reason,
    )
    return await call.answer(lambda: _document(call, made), headers=tag(made))


@router.delete("/scopes/access/{consumer_orgno}", response_model=AccessResponse | Rehearsed)
async def revoke(consumer_orgno: str, name: Named, call: ScopeWrites) -> Response:
    """Take a scope of the caller's from a consumer, effective at once; the access stays, denied."""
    made = await access.revoke(
        _guarded(call, name, consumer_orgno),
        call.actor,
        call.now,
        scope=name,
        consumer_orgno=consumer_orgno,
        reason=call.reason,
    )
    return await call.answer(lambda: _document(call, made), headers=tag(made))


def _guarded(call: Writing, name: str, consumer_orgno: str) -> RegistryStore:
    async def seen(change: Change) -> ScopeAccess:
        return await access.seen(change, call.actor, scope=name, consumer_orgno=consumer_orgno)

    return call.guard(seen, required=False)


async def _document(call: Reading, row: ScopeAccess) -> AccessResponse:
    return (await _documents(call, [row]))[0]


async def _documents(call: Reading, rows: Sequence[ScopeAccess]) -> list[AccessResponse]:
    facts = await call.parts.registry.facts([Ref("scope", row.scope) for row in rows])
    owners = {fact.name: fact.owner_orgno for fact in facts.values() if isinstance(fact, Scope)}
    names = await names_of(call.parts, [*owners.values(), *(row.consumer_orgno for row in rows)])
    times = await call.parts.times.of([row.ref for row in rows])
    return [shown(row, owners.get(row.scope, ""), names, times) for row in rows]
