"""A restore under nodes that serve: what was spent stays spent, and what they remember of the registry is void."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from authserver.oauth.limits import LONGEST_ASSERTION_MEMORY
from authserver.registry.ports import Actor
from authserver.services import back_up, restore
from authserver.storage.database import open_database
from authserver.storage.redis_client import open_redis
from authserver.storage.schema import policy_epoch
from authserver.storage.single_use_redis import RedisSingleUse
from tests.support import servers
from tests.support.authority import Authority, running

PAUSE_SECONDS = LONGEST_ASSERTION_MEMORY - 30


@pytest.fixture(params=["sqlite", "postgresql and valkey"])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Authority]:
    """A node that serves, alone on SQLite or with PostgreSQL and Valkey."""
    if request.param == "sqlite":
        with running(tmp_path) as made:
            yield made
        return
    with (
        servers.postgres() as database,
        servers.valkey() as memory,
        running(tmp_path, database_url=database.url(), redis_url=memory.url) as made,
    ):
        yield made


def end_pause(authority: Authority) -> None:
    """Do as if the pause were over, without waiting for it."""

    async def end() -> None:
        database = open_database(authority.settings.database_url)
        async with database.write() as connection:
            await connection.execute(policy_epoch.update().values(epoch=policy_epoch.c.epoch + 1, paused_until=0))
        await database.close()

    asyncio.run(end())


def test_a_restore_under_a_serving_node_is_safe(authority: Authority, tmp_path: Path) -> None:
    """Once it has answered no token is issued; after the pause the restored registry rules, and what was spent is."""
    revoked, kept = authority.registry.granted_client(), authority.registry.granted_client()
    asyncio.run(back_up(authority.settings, tmp_path / "file"))
    form = kept.form()
    assert authority.post(form).status == 200
    authority.registry.set_client(revoked, active=False)
    assert authority.token(revoked).status == 400
    issued = authority.registry.rows("SELECT count(*) AS number FROM decisions WHERE outcome = 'issued'")

    operator = Actor("operator", person="Kari")
    report = asyncio.run(restore(authority.settings, tmp_path / "file", operator, int(time.time()), replace=True))
    assert report.differences is not None
    assert [(door.what, door.id) for door in report.differences.open_again] == [("client", revoked.id)]
    for again in (kept.form(), revoked.form(), form):
        answer = authority.post(again)
        assert answer.status == 503, answer.body
        assert int(answer.headers["retry-after"]) > PAUSE_SECONDS
    assert authority.registry.rows("SELECT count(*) AS number FROM decisions WHERE outcome = 'issued'") == issued

    end_pause(authority)
    deadline = time.monotonic() + 20
    while (answer := authority.token(revoked)).status == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.status == 200, answer.body
    replayed = authority.post(form)
    assert (replayed.status, b"MP-012" in replayed.body) == (400, True)


@pytest.mark.parametrize("nodes", [1, 3])
def test_an_epoch_that_only_redis_remembers_is_passed(nodes: int, tmp_path: Path) -> None:
    """With a new database the epoch moves past what a Redis, or a Cluster, has announced, and is announced there."""
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    for authority in (old, new):
        authority.directory.mkdir()
        authority.init()
    old.registry.granted_client()
    asyncio.run(back_up(old.settings, tmp_path / "file"))
    ahead = int(time.time()) + 10_000

    async def restored(url: str) -> tuple[int, int]:
        memory = RedisSingleUse(open_redis(url))
        try:
            await memory.publish_epoch(ahead)
            settings = replace(new.settings, redis_url=url)
            report = await restore(settings, tmp_path / "file", Actor("operator"), int(time.time()))
            return report.epoch, await memory.highest_epoch()
        finally:
            await memory.close()

    with servers.valkey_cluster(nodes) if nodes > 1 else servers.valkey() as started:
        url = f"redis+cluster://127.0.0.1:{started[0].port}" if isinstance(started, list) else started.url
        assert asyncio.run(restored(url)) == (ahead + 1, ahead + 1)
    for authority in (old, new):
        authority.close()
