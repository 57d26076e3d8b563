"""`authserver keys expiring`: keys of clients that will soon stop."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk
from authserver.cli.documents import Document
from authserver.cli.options import Json, Limit, window
from authserver.registry import expiry


def expiring(
    days: Annotated[int, typer.Option("--days", help="Those that end within so many days, 1 to 366.")] = 30,
    org: Annotated[str | None, typer.Option("--org", metavar="ORGNO", help="Only those of this organisation.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show keys of clients that will soon stop, the first to end first."""

    async def work(desk: Desk) -> list[Document]:
        page = await expiry.page(desk.store, desk.actor, desk.now, window=window(limit), days=days, orgno=org)
        return [documents.expiring_key(key, desk.now) for key in page.items]

    with answering(as_json=as_json) as answer:
        columns = ("expires_at", "orgno", "client_id", "kid", "notice_days")
        answer.rows(at_desk(work), columns, "No key of a client ends within that time.")
