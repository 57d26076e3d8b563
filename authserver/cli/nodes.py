"""`authserver nodes`: who serves, and whether all decide by the same policy."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from authserver.cli.answer import answering
from authserver.cli.desk import settings
from authserver.cli.options import Json


def nodes(as_json: Json = False) -> None:
    """Show each process that spoke in the last ten minutes, its policy epoch, its lag, and when it spoke last."""
    from authserver.services import list_nodes

    with answering(as_json=as_json) as answer:
        shown = [asdict(node) for node in asyncio.run(list_nodes(settings()))]
        columns = ("node", "version", "epoch", "lag", "seen_at")
        answer.rows(shown, columns, "No node has spoken in the last ten minutes.")
