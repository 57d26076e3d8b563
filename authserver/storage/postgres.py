"""One PostgreSQL connection held open for one batched job, apart from the pool that people's requests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from authserver.storage.database import connect_postgresql


class DedicatedConnection:
    """Opened when first used and again when it was lost. For one user at a time.

    Registry work can neither take this connection nor wait for it, and a batch pays no checkout. A connection on
    which anything failed is not used again: it may be in the middle of something.
    """

    def __init__(self, dsn: str, settings: Mapping[str, str]) -> None:
        self._dsn = dsn
        self._settings = settings
        self._connection: asyncpg.Connection[Any] | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """The connection, open. Raises what asyncpg and the network raise."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect_postgresql(self._dsn, self._settings)
        try:
            yield self._connection
        except BaseException:
            self._connection.terminate()
            self._connection = None
            raise

    async def close(self) -> None:
        """Close it, if it was opened."""
        if self._connection is not None:
            try:
                await self._connection.close(timeout=1)
            except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                self._connection.terminate()
            self._connection = None
