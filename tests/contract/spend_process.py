"""A process of its own that spends a hundred assertions at once and prints the ids of its first uses."""

import asyncio
import sys

from authserver.grants.ports import Spending
from authserver.storage.database import open_database
from authserver.storage.redis_client import open_redis
from authserver.storage.single_use_redis import RedisSingleUse
from authserver.storage.single_use_sql import SqlSingleUse
from tests.contract.registry import NOW


async def main(kind: str, url: str) -> None:
    """Spend in the memory of this kind at this address."""
    if kind.startswith("valkey"):
        await spend(RedisSingleUse(open_redis(url), namespace="processes", partitions=3))
        return
    database = open_database(url)
    await spend(SqlSingleUse(database))
    await database.close()


async def spend(memory: SqlSingleUse | RedisSingleUse) -> None:
    """Spend one at a time in ten lanes, so that the processes' batches interleave."""

    async def lane(start: int) -> list[str]:
        ids = [f"jti-{number}" for number in range(start, 100, 10)]
        return [one for one in ids if (await memory.spend(Spending("client-1", one, NOW + 150), NOW)).first_use]

    print(*[one for lane_ids in await asyncio.gather(*map(lane, range(10))) for one in lane_ids])
    await memory.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
