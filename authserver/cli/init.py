"""`authserver init`: a database that is migrated, and the first signing keys."""

from __future__ import annotations

import asyncio

from authserver.cli.answer import answering
from authserver.cli.desk import settings
from authserver.cli.keys import document, ring
from authserver.cli.options import Json


def init(as_json: Json = False) -> None:
    """Migrate the database and make the first signing keys; what is there already is left alone."""
    from authserver.services import migrate

    with answering(as_json=as_json) as answer:
        asyncio.run(migrate(settings()))
        opened = ring()
        made = opened.init()
        keys = [document(key) for key in opened.list()]
        if as_json:
            answer.document({"database": "migrated", "keys_made": [key.kid for key in made], "keys": keys})
            return
        print("The database is migrated.")
        print(f"Signing keys made: {', '.join(key.alg for key in made) or 'none, they were there already'}.")
        answer.rows(keys, ("kid", "alg", "state"), "")
