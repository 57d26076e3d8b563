"""`authserver init`: a database that is migrated, the first signing keys, and the scopes of the admin API."""

from __future__ import annotations

import asyncio

from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, settings
from authserver.cli.keys import document, ring
from authserver.cli.options import Json
from authserver.oauth.errors import Refusal


def init(as_json: Json = False) -> None:
    """Migrate the database, make signing keys and the admin API's scopes; what is there already is left alone."""
    from authserver.services import migrate

    with answering(as_json=as_json) as answer:
        asyncio.run(migrate(settings()))
        scopes_made = at_desk(_establish)
        opened = ring()
        made = opened.init()
        keys = [document(key) for key in opened.list()]
        if as_json:
            told = {"database": "migrated", "keys_made": [key.kid for key in made], "keys": keys}
            answer.document({**told, "admin_scopes": scopes_made})
            return
        print("The database is migrated.")
        print(f"Signing keys made: {', '.join(key.alg for key in made) or 'none, they were there already'}.")
        print(f"Scopes of the admin API: {scopes_made}.")
        answer.rows(keys, ("kid", "alg", "state"), "")


async def _establish(desk: Desk) -> str:
    """Register what the admin API stands on; a registry that cannot have it is usable without."""
    from authserver.registry.administration import Administration, establish

    administration = Administration(desk.settings.admin_prefix, desk.settings.operator)
    try:
        made = await establish(
            desk.store, desk.actor, desk.now, administration=administration, name="The operator of this authority"
        )
    except Refusal as refusal:
        return f"not registered, so the admin API admits nobody: {refusal.sentence.rstrip('.')}"
    return f"{len(made)} made" if made else "they were there already"
