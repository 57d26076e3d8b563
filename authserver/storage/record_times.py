"""When records were made and last changed, as the change log tells."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from sqlalchemy import func, select

from authserver.oauth.models import Ref, RefKind
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.schema import registry_changes

PART = "registry"
_AT_ONCE = 500


class SqlRecordTimes:
    """Fills the port Times."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, refs: Collection[Ref]) -> dict[Ref, tuple[int, int]]:
        """First and last change (seconds) of each record that the log knows. Raises Unavailable."""
        log, found = registry_changes.c, dict[Ref, tuple[int, int]]()
        kinds: dict[RefKind, set[str]] = {}
        for ref in refs:
            kinds.setdefault(ref.kind, set()).add(ref.id)
        with answering(PART):
            async with self._database.read() as connection:
                for kind, ids in kinds.items():
                    left = iter(ids)
                    while some := list(islice(left, _AT_ONCE)):
                        query = (
                            select(log.id, log.other, func.min(log.at), func.max(log.at))
                            .where(log.kind == kind, log.id.in_(some))
                            .group_by(log.id, log.other)
                        )
                        for id_, other, first, last in (await connection.execute(query)).all():
                            found[Ref(kind, id_, other)] = first, last
        return found
