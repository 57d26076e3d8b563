"""`authserver org quota`: how much an organisation may have, and has."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli.answer import answering
from authserver.cli.desk import Desk, change_at_desk
from authserver.cli.documents import Document
from authserver.cli.options import Json, Orgno, Reason
from authserver.registry import organisations, quotas
from authserver.registry.ports import Quota

Clients = Annotated[int | None, typer.Option("--clients", help="Clients, deactivated ones too.")]
Scopes = Annotated[int | None, typer.Option("--scopes", help="Scopes, deactivated ones too.")]
Waiting = Annotated[int | None, typer.Option("--waiting", help="Requests that nobody has decided.")]
Webhooks = Annotated[int | None, typer.Option("--webhooks", help="Active webhooks.")]
Defaults = Annotated[bool, typer.Option("--defaults", help="Go back to the default where nothing else is said.")]


def quota(
    orgno: Orgno,
    *,
    clients: Clients = None,
    scopes: Scopes = None,
    waiting: Waiting = None,
    webhooks: Webhooks = None,
    defaults: Defaults = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Set what is named of an organisation's quotas, and show all of them."""
    stated: dict[Quota, int | None] = {
        "clients": clients,
        "scopes": scopes,
        "waiting": waiting,
        "webhooks": webhooks,
    }
    limits = {name: most for name, most in stated.items() if defaults or most is not None}
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(lambda d: _limited(d, orgno, limits, reason))
        answer.record("The organisation may have:", {"orgno": orgno, **changed.record}, changed.effect)


async def _limited(desk: Desk, orgno: str, limits: dict[Quota, int | None], reason: str) -> Document:
    if limits:
        await organisations.amend(desk.store, desk.actor, desk.now, orgno=orgno, limits=limits, reason=reason)
    found = await quotas.read(desk.store, desk.actor, orgno=orgno)
    return {usage.quota: {"limit": usage.limit, "is_default": usage.is_default, "used": usage.used} for usage in found}
