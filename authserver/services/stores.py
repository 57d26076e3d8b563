"""Opening what a node or a verb works with: the database, Redis, the key ring; each refusal is a sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from authserver.keys.ring import KeyRing, RingOptions
from authserver.record.use import SqlDelegationUse
from authserver.registry.example_keys import THUMBPRINTS
from authserver.settings import Settings, SettingsError
from authserver.storage import migrations
from authserver.storage.database import Database, open_database, wait_until_ready
from authserver.storage.errors import answering
from authserver.storage.nodes import Node, SqlNodes
from authserver.storage.registry_store import SqlRegistryStore

if TYPE_CHECKING:
    from authserver.storage.single_use_redis import RedisSingleUse

_WAIT_SECONDS = 1.0


class NotReadyError(Exception):
    """The authority has not been set up far enough; the text is a sentence that says what to do."""


def clock() -> int:
    """Return wall-clock time in seconds since the Unix epoch."""
    return int(time.time())


async def migrate(settings: Settings) -> None:
    """Bring the database to this program's revision, unless a later one is there that this program can work with.

    Raises NotReadyError if it is of a later version that this program cannot work with, SettingsError, Unavailable.
    """
    database = _database(settings)
    try:
        with answering("database"):
            await migrations.migrate(settings.database_url)
        await _check_revision(database)
    finally:
        await database.close()


@dataclass(frozen=True, slots=True)
class AtRest:
    """The parts that a verb of the operator works with; no node is opened."""

    database: Database
    redis: RedisSingleUse | None
    store: SqlRegistryStore


@asynccontextmanager
async def open_at_rest(settings: Settings) -> AsyncIterator[AtRest]:
    """Open the registry and what announces its changes.

    Raises NotReadyError if the database is not migrated, SettingsError, Unavailable.
    """
    async with AsyncExitStack() as stack:
        database = _database(settings)
        stack.push_async_callback(database.close)
        await _check_revision(database)
        redis = _redis(settings)
        if redis is not None:
            stack.push_async_callback(redis.close)
        yield AtRest(database, redis, SqlRegistryStore(database, redis.publish_epoch if redis else None))


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[SqlRegistryStore]:
    """Open the registry alone, for one verb of the operator; its changes reach every node before they are answered.

    Raises NotReadyError if the database is not migrated, SettingsError, Unavailable.
    """
    async with open_at_rest(settings) as parts:
        yield parts.store


@asynccontextmanager
async def open_records(settings: Settings) -> AsyncIterator[tuple[SqlRegistryStore, SqlDelegationUse]]:
    """Open the registry, and what was done by virtue of its delegations.

    Raises NotReadyError if the database is not migrated, SettingsError, Unavailable.
    """
    async with open_at_rest(settings) as parts:
        yield parts.store, SqlDelegationUse(parts.database)


async def list_nodes(settings: Settings) -> Sequence[Node]:
    """Every node that spoke lately, by name.

    Raises NotReadyError if the database is not migrated, SettingsError, Unavailable.
    """
    async with open_at_rest(settings) as parts:
        return await SqlNodes(parts.database).listed()


async def ready_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """Open the database, waiting until it answers. Raises NotReadyError if it is not migrated, SettingsError."""
    database = _database(settings)
    stack.push_async_callback(database.close)
    await wait_until_ready(database, structlog.get_logger("authserver").warning)
    await _check_revision(database)
    return database


async def ready_redis(settings: Settings, stack: AsyncExitStack) -> RedisSingleUse | None:
    """Open Redis if there is one, waiting until it answers. Raises NotReadyError if it must not be trusted."""
    redis = _redis(settings)
    if redis is None:
        return None
    stack.push_async_callback(redis.close)
    waiting = False
    while not await redis.answers():
        if not waiting:
            structlog.get_logger("authserver").warning("Waiting for Redis: it does not answer")
        waiting = True
        await asyncio.sleep(_WAIT_SECONDS)
    if faults := await redis.faults():
        raise NotReadyError(" ".join(faults))
    return redis


def open_key_ring(settings: Settings) -> KeyRing:
    """Open our signing keys; example keys are refused outside dev. Raises BrokenKeyError."""
    refused = frozenset() if settings.environment == "dev" else THUMBPRINTS
    return KeyRing.open(settings.keys_dir, clock, RingOptions(refused_thumbprints=refused))


def _database(settings: Settings) -> Database:
    try:
        return open_database(settings.database_url)
    except ValueError as fault:
        raise SettingsError([f"AUTHSERVER_DATABASE_URL: {fault}"]) from None


def _redis(settings: Settings) -> RedisSingleUse | None:
    if settings.redis_url is None:
        return None
    # Only here: without Redis nobody waits for its client to be imported.
    from authserver.storage.redis_client import open_redis
    from authserver.storage.single_use_redis import RedisSingleUse

    try:
        # No pause after a restart: the record has the last word.
        return RedisSingleUse(open_redis(settings.redis_url), pause_seconds=0)
    except ValueError as fault:
        raise SettingsError([f"AUTHSERVER_REDIS_URL: {fault}"]) from None


async def _check_revision(database: Database) -> None:
    with answering("database"):
        match await migrations.standing(database):
            case migrations.Standing.EMPTY:
                raise NotReadyError("The database has not been set up; run: authserver init")
            case migrations.Standing.OLDER:
                raise NotReadyError("The database is of an older version than this program; run: authserver init")
            case migrations.Standing.AHEAD:
                raise NotReadyError("The database is of a later version than this program; upgrade the program")
            case migrations.Standing.FIT:
                return
