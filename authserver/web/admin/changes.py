"""`/api/v1/changes`: the change feed, with a cursor that can be kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from authserver.oauth.feeds import LoggedChange
from authserver.oauth.limits import JSON_INTEGER
from authserver.registry import changes
from authserver.registry.paging import Window
from authserver.registry.text import invalid
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, reads

READ: Final = (
    "dcr.read",
    "dcr.write",
    "dcr.modify",
    "scopes.read",
    "scopes.write",
    "delegations.read",
    "delegations.write",
)
ChangeReads = Annotated[Reading, Depends(reads(*READ))]
Cursor = Annotated[str | None, Query(description="The member `next` of an earlier answer.", max_length=1024)]
After = Annotated[
    int | None, Query(ge=0, le=JSON_INTEGER, description="Instead of a cursor: the number to go on from.")
]
router = APIRouter(tags=["changes"], route_class=StrictRoute)


class ChangeDocument(BaseModel):
    """What became of one record, by whom, when (seconds since 1970) and why; `before` is null for a new record."""

    seq: int
    epoch: int
    kind: str
    id: str
    other: str = Field(description="The second part of the record's name, if it has one.")
    action: Literal["created", "changed"]
    actor_kind: str
    actor_orgno: str
    actor_client_id: str = Field(description="Empty when another organisation acted.")
    actor_person: str
    at: int
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ChangeFeed(BaseModel):
    """Some changes in their order. `next` is where to go on, now or another day; `more` says that it pays at once."""

    items: list[ChangeDocument]
    next: str
    more: bool


@router.get("/changes", response_model=ChangeFeed)
async def list_changes(
    request: Request,
    call: ChangeReads,
    cursor: Cursor = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many items at most.")] = 50,
    orgno: Annotated[str | None, Query(description="For the operator: only what concerns this organisation.")] = None,
) -> Response:
    """What has changed that concerns the caller, of the kinds of records that its scopes let it read."""
    if cursor is not None and after is not None:
        raise invalid("Go on from a cursor or from a number, not from both")
    place = f"{request.scope['path']}\n{call.actor.kind}\n{call.actor.orgno}"
    window = call.parts.cursors.window(place, cursor, limit)
    if after is not None:
        window = Window((str(after),), limit)
    found = await changes.follow(call.store, call.actor, window=window, orgno=orgno, kinds=call.caller.kinds)
    content = {
        "items": [_shown(change) for change in found.changes],
        "next": call.parts.cursors.after(place, found.next),
        "more": found.more,
    }
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _shown(change: LoggedChange) -> dict[str, Any]:
    said = {name: None if (text := getattr(change, name)) is None else json.loads(text) for name in ("before", "after")}
    return {**asdict(change), **said}
