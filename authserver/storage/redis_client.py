"""Redis or Valkey, opened from a URL, and what must be true of it before we trust it with single use."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

RedisClient = Redis | RedisCluster

ANSWER_SECONDS: Final = 2.0
# Since 7.0, SET takes NX with PX, scripts see INFO, and a script's keys are judged before it runs.
REDIS_FLOOR: Final = (7, 0, 0)
VALKEY_FLOOR: Final = (7, 2, 0)


def open_redis(url: str) -> RedisClient:
    """Prepare to use the server at `url`; nothing is connected yet.

    Takes `redis://` and `rediss://` for one server, `redis+sentinel://host:port,host:port/service` for what Sentinel
    says is the primary, `redis+cluster://` and `rediss+cluster://` for a Cluster, of which one node is named.
    Raises ValueError for anything else.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"redis", "rediss"}:
        return Redis.from_url(url, single_connection_client=False, **_options())
    if separator and scheme in {"redis+cluster", "rediss+cluster"}:
        return RedisCluster.from_url(f"{scheme.removesuffix('+cluster')}://{rest}", **_options())
    if separator and scheme == "redis+sentinel":
        return _by_sentinel(url)
    raise ValueError("the Redis URL must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://")


def _options() -> dict[str, Any]:
    # A spend sent twice would find its own trace and call itself a replay: nothing is ever sent again by itself.
    return {
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        # While it listens for announced maintenance, the pool hands out connections that the server has closed: the
        # first command of every process after a restart would fail on one.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _by_sentinel(url: str) -> Redis:
    parts = urlsplit(url)
    service = parts.path.strip("/")
    hosts = [host.rpartition(":") for host in parts.netloc.rpartition("@")[2].split(",")]
    if not service or not all(separator and port.isdigit() for _, separator, port in hosts):
        raise ValueError("the Sentinel URL must read redis+sentinel://host:port,host:port/service")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    # What stands before @ is for the primary; the sentinels' own, if they have one, stands in the query.
    user, _, password = (unquote(text) for text in parts.netloc.rpartition("@")[0].partition(":"))
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [(host, int(port)) for host, _, port in hosts],
        sentinel_kwargs={**_options(), "password": query.get("sentinel_password")},
        **_options(),
    )
    primary: Redis = sentinel.master_for(service, username=user or None, password=password or None)
    return primary


async def check_redis(client: RedisClient) -> list[str]:
    """What keeps this server from being trusted, one sentence each; empty when all is well. Never raises."""
    try:
        if isinstance(client, RedisCluster):
            await client.initialize()
            answers = [await client.info(target_nodes=node) for node in client.get_primaries()]
        else:
            answers = [await client.info()]
    except (RedisError, OSError) as error:
        return [f"Redis does not answer: {error}"]
    return sorted({sentence for info in answers for sentence in _faults(info)})


def _faults(info: dict[str, Any]) -> list[str]:
    faults = []
    if info.get("maxmemory_policy") != "noeviction":
        faults.append(
            f"Redis has maxmemory-policy {info.get('maxmemory_policy')}; under it a used assertion can be forgotten"
            " and used again. Set it to noeviction."
        )
    if info.get("role") != "master":
        faults.append("This Redis is a replica; name the primary, or reach it through Sentinel or Cluster.")
    valkey = "valkey_version" in info
    version = str(info.get("valkey_version" if valkey else "redis_version", ""))
    floor = VALKEY_FLOOR if valkey else REDIS_FLOOR
    if tuple(int(number) for number in re.findall(r"\d+", version)[:3]) < floor:
        name = "Valkey" if valkey else "Redis"
        faults.append(f"{name} {version} is too old; {'.'.join(map(str, floor))} is the first that will do.")
    return faults
