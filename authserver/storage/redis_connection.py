"""One connection to Redis held for one batched job, apart from the pool's check-out for every command."""

from __future__ import annotations

from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError


class HeldConnection:
    """A connection of the client's pool, opened, authenticated and led to the primary as the pool does it.

    For one user at a time. It is taken when first used, and again when it was lost: one that the server has closed
    meanwhile, or on which anything failed, is given back unused, so that nothing is ever sent twice.
    """

    def __init__(self, client: Redis) -> None:
        self._pool = client.connection_pool
        self._connection: AbstractConnection | None = None

    async def execute(self, *command: str | int | bytes) -> Any:
        """Send one command and return its answer. Raises what the client and the network raise."""
        connection = await self._open()
        try:
            await connection.send_packed_command([pack_command(command)], check_health=False)  # type: ignore[arg-type]
            return await connection.read_response()
        except NoScriptError:
            raise
        except BaseException:
            await self._drop()
            raise

    async def close(self) -> None:
        """Give the connection back to the pool, which closes it."""
        await self._drop()

    async def _open(self) -> AbstractConnection:
        # Nothing is asked meanwhile: what can be read is the end of the connection.
        if self._connection is not None and await self._connection.can_read():
            await self._drop()
        if self._connection is None:
            self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.disconnect(nowait=True)
            finally:
                await self._pool.release(connection)
