"""The nodes that serve, each with the policy epoch it decides under, as they last said themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import read_epoch
from authserver.storage.schema import nodes

PART: Final = "nodes"
FORGOTTEN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Node:
    """One process, as it was at `seen_at` (seconds). `lag` counts the epochs it had yet to follow when asked."""

    node: str
    version: str
    epoch: int
    seen_at: int
    lag: int


class SqlNodes:
    """The table of nodes. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = postgresql if database.dialect == "postgresql" else sqlite
        said = dialect.insert(nodes)
        self._say = said.on_conflict_do_update(
            index_elements=["node"],
            set_={name: said.excluded[name] for name in ("version", "epoch", "seen_at")},
        )

    async def beat(self, node: str, version: str, epoch: int, now: int) -> None:
        """Say that this node serves, and under which epoch; forget those long silent."""
        said = {"node": node, "version": version, "epoch": epoch, "seen_at": now}
        with answering(PART):
            async with self._database.write(durable=False) as connection:
                await connection.execute(self._say, said)
                await connection.execute(delete(nodes).where(nodes.c.seen_at < now - FORGOTTEN_SECONDS))

    async def listed(self) -> Sequence[Node]:
        """Every node that spoke lately, by name."""
        with answering(PART):
            async with self._database.read() as connection:
                latest = await read_epoch(connection)
                found = await connection.execute(select(nodes).order_by(nodes.c.node))
                return [
                    Node(row.node, row.version, row.epoch, row.seen_at, max(latest - row.epoch, 0)) for row in found
                ]
