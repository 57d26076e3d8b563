"""The Redis or Valkey that several processes share, for tokens and for proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tillit.errors import ConfigError

if TYPE_CHECKING:
    import redis

_SECONDS: Final = 1.0


def redis_server(server: str | redis.Redis, wanted_by: str) -> Any:
    """The client of a server that is given by address, or is one already. Forked children get connections of their own.

    With an address, connecting and answering may take a second each. Raises ConfigError, in the name of `wanted_by`,
    if the address is not one, the extra `redis` is missing, or the client is one of redis.asyncio: it is called from
    threads.
    """
    try:
        import redis  # noqa: PLC0415 - an extra
        import redis.asyncio  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise ConfigError(f"{wanted_by} needs the extra `redis`: install tillit[redis]") from None
    client: Any = server
    if isinstance(client, redis.asyncio.Redis | redis.asyncio.RedisCluster):
        # Its answers are awaitables, and each of them is true.
        raise ConfigError(f"{wanted_by} needs a redis.Redis, not one of redis.asyncio")
    if not isinstance(server, str):
        return client
    try:
        # One more try, because a connection that was idle may have been closed at the other end.
        retry = Retry(NoBackoff(), 1)
        return redis.Redis.from_url(server, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=retry)
    except ValueError:
        raise ConfigError(f"the address for {wanted_by} is not one of Redis") from None
