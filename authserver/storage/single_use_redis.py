"""Single use and the policy epoch in one round trip to Redis or Valkey (P1, P3)."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from zlib import crc32

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
)
from redis.exceptions import ConnectionError as BrokenConnection

from authserver.oauth.limits import LONGEST_ASSERTION_MEMORY
from authserver.oauth.single_use import Spending, Spent
from authserver.oauth.unavailable import Unavailable
from authserver.storage.batching import Batcher
from authserver.storage.redis_client import RedisClient, check_redis
from authserver.storage.redis_connection import HeldConnection
from authserver.storage.redis_scripts import ANNOUNCE, LIFT, PUBLISH, RUN, SPEND, Script
from authserver.storage.single_use_sql import PART, key_of

log = logging.getLogger(__name__)

CLUSTER_PARTITIONS: Final = 16

# Said by the server instead of running the script.
_REFUSED_BEFORE_RUNNING: Final = (
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
)

# The partition, the key, and its life in milliseconds.
Item = tuple[int, str, int]
Execute = Callable[..., Awaitable[Any]]


class RedisSingleUse:
    """Fills the port SingleUse, and announces policy epochs to every node.

    Memory is split in partitions, each within one hash slot and each with its own copy of the epoch, so that one
    script spends and reads the epoch wherever Cluster put the partition. A new epoch is announced only when every
    partition has it: from then on no spend anywhere returns an older one (P3). While one partition's primary is
    away, its spends fail, and so do announcements: closed on both sides.

    A server that has forgotten may hold neither spends nor epoch. It is known by its run id, which every spend
    compares with the one it served under before: after a restart or a failover, nothing is spent until
    `pause_seconds` have passed, by the server's own clock, and the epoch has been announced again. With 0, only
    `announce` ends the pause: a change published late, after another one that the server forgot, must not.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        namespace: str = "tillit",
        partitions: int | None = None,
        pause_seconds: int = LONGEST_ASSERTION_MEMORY,
    ) -> None:
        self._client = client
        self._partitions = partitions or (CLUSTER_PARTITIONS if isinstance(client, RedisCluster) else 1)
        # The count is part of the name: with another one, every key is elsewhere and the memory is as good as new.
        self._prefixes = [f"{{{namespace}:{number}/{self._partitions}}}:" for number in range(self._partitions)]
        self._pause_ms = pause_seconds * 1000
        self._learning = asyncio.Lock()
        # Batches come one at a time; only when they are split do spends go out side by side.
        self._held = HeldConnection(client) if isinstance(client, Redis) and self._partitions == 1 else None
        self._execute: Execute = self._held.execute if self._held else client.execute_command
        self._batcher: Batcher[Item, Spent] = Batcher(self._flush, PART)

    async def spend(self, spending: Spending, now: int) -> Spent:
        partition, key = self._place(spending)
        # Relative, so that our clock and the server's need not agree; at least long enough to matter.
        return await self._batcher.submit((partition, key, max(spending.remember_until - now, 1) * 1000))

    async def release(self, spending: Spending) -> None:
        try:
            await self._client.delete(self._place(spending)[1])
        except Exception as error:  # noqa: BLE001 - as in _run
            log.warning("An assertion stays spent, for it could not be given back: %s", error)

    async def publish_epoch(self, epoch: int) -> None:
        """Return once no spend on any node will return an older epoch.

        Never lowers what is there, so it may be repeated at will. Raises Unavailable, `certain` false.
        """
        await self._learn_topology()
        announced = await asyncio.gather(
            *(self._publish(partition, epoch) for partition in range(self._partitions)), return_exceptions=True
        )
        for answer in announced:
            if isinstance(answer, BaseException):
                raise Unavailable(PART, certain=False) from answer

    async def announce(self, latest: Callable[[], Awaitable[int]]) -> None:
        """Let every partition serve at once under the policy epoch that `latest` reads, whatever it has forgotten.

        Only where something else has the last word on single use. The epoch is read after each server's run has begun:
        what was answered as effective under an earlier run is in it. Raises Unavailable, and what `latest` raises.
        """
        await self._learn_topology()
        runs = [await self._run(RUN, [self._key(partition, "run")], []) for partition in range(self._partitions)]
        epoch = await latest()
        for partition, run in enumerate(runs):
            await self._run(ANNOUNCE, self._state_keys(partition), [run, epoch])

    async def highest_epoch(self) -> int:
        """The highest policy epoch announced here as far as is remembered, 0 for none. Raises Unavailable."""
        await self._learn_topology()
        try:
            held = [await self._client.get(self._key(partition, "epoch")) for partition in range(self._partitions)]
        except Exception as error:
            raise Unavailable(PART) from error
        return max(int(epoch or 0) for epoch in held)

    async def lift_pause(self) -> None:
        """Spend at once although the server is new to us. Only for an authority that has never issued a token.

        Raises Unavailable.
        """
        await self._learn_topology()
        for partition in range(self._partitions):
            await self._run(LIFT, self._state_keys(partition), [])

    async def answers(self) -> bool:
        """Whether the server answers at all."""
        try:
            await self._learn_topology()
            await self._run(RUN, [self._key(0, "run")], [])
        except Unavailable:
            return False
        return True

    async def faults(self) -> list[str]:
        """What keeps the server from being trusted, one sentence each; empty when all is well. Never raises."""
        return await check_redis(self._client)

    async def close(self) -> None:
        """Answer everyone who waits, then close the connections."""
        await self._batcher.close()
        if self._held is not None:
            await self._held.close()
        await self._client.aclose()

    async def _flush(self, batch: Sequence[Item]) -> Sequence[Spent | Unavailable]:
        if self._partitions == 1:
            await self._learn_topology()
            return await self._spend(0, batch)
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, (partition, _, _) in enumerate(batch):
            places[partition].append(place)
        await self._learn_topology()
        spent = await asyncio.gather(
            *(self._spend(partition, [batch[place] for place in its]) for partition, its in places.items())
        )
        answers: dict[int, Spent | Unavailable] = {}
        for its, answer in zip(places.values(), spent, strict=True):
            answers |= zip(its, answer, strict=True)
        return [answers[place] for place in range(len(batch))]

    async def _spend(self, partition: int, items: Sequence[Item]) -> Sequence[Spent | Unavailable]:
        """Spend within one partition; another one's trouble is not its own."""
        keys = [*self._state_keys(partition), *(key for _, key, _ in items)]
        arguments = [self._pause_ms, *(life for _, _, life in items)]
        try:
            epoch, *first = await self._run(SPEND, keys, arguments, self._execute)
        except Unavailable as failure:
            return [failure] * len(items)
        if epoch < 0:
            return [Unavailable(PART)] * len(items)
        return [Spent(bool(new), epoch) for new in first]

    async def _publish(self, partition: int, epoch: int) -> None:
        """Announce an epoch within one partition.

        Said once more when the connection broke: it may have died with an earlier server, unnoticed until used.
        """
        keys = [self._key(partition, "epoch")]
        try:
            await self._run(PUBLISH, keys, [epoch])
        except Unavailable as failure:
            if not isinstance(failure.__cause__, BrokenConnection | OSError):
                raise
            await self._learn_topology()
            await self._run(PUBLISH, keys, [epoch])

    async def _learn_topology(self) -> None:
        """Let the Cluster client learn who serves what, alone: when many calls find that out at once, they fail."""
        if isinstance(self._client, RedisCluster):
            try:
                async with self._learning:
                    await self._client.initialize()
            except Exception as error:
                raise Unavailable(PART) from error

    async def _run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[int | str | bytes],
        execute: Execute | None = None,
    ) -> Any:
        execute = execute or self._client.execute_command
        try:
            try:
                return await execute("EVALSHA", script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                # A server that has just started knows no script; sent with its text, it is known from then on.
                return await execute("EVAL", script.text, len(keys), *keys, *arguments)
        except Exception as error:
            # Any: beside its own errors, the client lets slip what it did not expect of a node that is going away.
            raise Unavailable(PART, certain=isinstance(error, _REFUSED_BEFORE_RUNNING)) from error

    def _place(self, spending: Spending) -> tuple[int, str]:
        """The partition that remembers this assertion, and the key there."""
        issuer, digest = key_of(spending)
        partition = crc32(digest.encode()) % self._partitions if self._partitions > 1 else 0
        return partition, f"{self._prefixes[partition]}spent:{issuer}:{digest}"

    def _state_keys(self, partition: int) -> list[str]:
        return [self._key(partition, name) for name in ("run", "pause", "epoch")]

    def _key(self, partition: int, name: str) -> str:
        return self._prefixes[partition] + name
