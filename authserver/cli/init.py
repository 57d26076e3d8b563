"""`authserver init`: a database that is migrated, the first signing keys, and the scopes of our own APIs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, settings
from authserver.cli.keys import document, ring
from authserver.cli.options import Json
from authserver.oauth.errors import Refusal

if TYPE_CHECKING:
    from authserver.registry.administration import Administration


def init(as_json: Json = False) -> None:
    """Migrate the database, make signing keys and the scopes of our own APIs; what is there already is left alone."""
    from authserver.services import migrate

    with answering(as_json=as_json) as answer:
        asyncio.run(migrate(settings()))
        scopes_made = at_desk(_establish)
        lookup_scopes = at_desk(_establish_lookup)
        opened = ring()
        made = opened.init()
        keys = [document(key) for key in opened.list()]
        if as_json:
            told = {"database": "migrated", "keys_made": [key.kid for key in made], "keys": keys}
            answer.document({**told, "admin_scopes": scopes_made, "lookup_scopes": lookup_scopes})
            return
        print("The database is migrated.")
        print(f"Signing keys made: {', '.join(key.alg for key in made) or 'none, they were there already'}.")
        print(f"Scopes of the admin API: {scopes_made}.")
        print(f"Scopes to look delegations up: {lookup_scopes}.")
        answer.rows(keys, ("kid", "alg", "state"), "")


async def _establish(desk: Desk) -> str:
    from authserver.registry.administration import Administration

    return await _registered(desk, Administration(desk.settings.admin_prefix, desk.settings.operator))


async def _establish_lookup(desk: Desk) -> str:
    from authserver.registry.administration import Administration
    from authserver.registry.lookup import SUBSCOPES

    return await _registered(desk, Administration(desk.settings.lookup_prefix, desk.settings.operator, SUBSCOPES))


async def _registered(desk: Desk, administration: Administration) -> str:
    """Register what an API stands on; a registry that cannot have it is usable without."""
    from authserver.registry.administration import establish

    try:
        made = await establish(
            desk.store, desk.actor, desk.now, administration=administration, name="The operator of this authority"
        )
    except Refusal as refusal:
        return f"not registered, so the API admits nobody: {refusal.sentence.rstrip('.')}"
    return f"{len(made)} made" if made else "they were there already"
