"""`authserver changes`: what became of the registry, by whom and why."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import at_desk
from authserver.cli.options import Json, Limit
from authserver.registry import changes as feed
from authserver.registry.paging import Window


def changes(
    after: Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Only those after this number.")] = 0,
    org: Annotated[str | None, typer.Option("--org", metavar="ORGNO", help="Only those that concern it.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show the change log from a number on."""
    window = Window((str(after),), limit)
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: feed.page(d.store, d.actor, window=window, orgno=org))
        shown = [documents.change(change) for change in page.items]
        columns = ("seq", "at", "kind", "id", "other", "action", "actor_kind", "actor_orgno", "actor_person", "reason")
        answer.rows(shown, columns, "Nothing has changed since.")
