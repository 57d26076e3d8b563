"""The answer to `?dry_run=true`: what would change, and who got tokens lately that depend on it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

from authserver.registry.members import members
from authserver.registry.rehearsal import Rehearsal
from authserver.web.admin.ports import Parts

LOOK_BACK_SECONDS: Final = 30 * 24 * 3600


class WouldChange(BaseModel):
    """One record as it is, null if it is new, and as it would become."""

    kind: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any]


class WouldAffect(BaseModel):
    """A client that got tokens in the last 30 days on the strength of what would change."""

    client_id: str
    consumer_orgno: str
    tokens: int


class Rehearsed(BaseModel):
    """What a write would do; nothing was changed. Only records that exist today can affect anybody."""

    dry_run: Literal[True] = True
    changes: list[WouldChange]
    affected: list[WouldAffect]


async def rehearsed(parts: Parts, rehearsal: Rehearsal, now: int) -> Rehearsed:
    """Tell what a rehearsal came to. Raises Unavailable."""
    present = [put.before for put in rehearsal.puts if put.before is not None and put.before != put.after]
    found = await parts.affected.by(present, now - LOOK_BACK_SECONDS)
    return Rehearsed(
        changes=[
            WouldChange(
                kind=put.after.ref.kind,
                id=" ".join(filter(None, put.after.ref[1:])),
                before=None if put.before is None else members(put.before),
                after=members(put.after),
            )
            for put in rehearsal.puts
        ],
        affected=[
            WouldAffect(client_id=client_id, consumer_orgno=orgno, tokens=tokens) for client_id, orgno, tokens in found
        ],
    )
