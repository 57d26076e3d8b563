"""A node that starts before its parts, and a node whose clock is wrong by an hour."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from authserver.storage.database import open_database
from authserver.storage.single_use_sql import SqlSingleUse
from tests.faults.asking import settled
from tests.faults.site import Node, Site, odd_clock, until
from tests.support.registrar import RegisteredClient
from tests.support.servers import postgres, valkey

HOUR = 3600


def test_a_node_that_starts_first_waits_for_its_parts(tmp_path: Path) -> None:
    """Started without PostgreSQL and Valkey a node says what it waits for, and serves as soon as both are there."""
    with postgres() as database, valkey() as memory:
        node = Node(tmp_path, database_url=database.create_database("late"), redis_url=memory.url)
        try:
            node.init()
            client = node.registry.granted_client()
            database.stop()
            memory.stop()
            starting = threading.Thread(target=node.start)
            (tmp_path / "authority.log").touch()
            starting.start()
            until(lambda: "Waiting for the postgresql database" in node.log)
            database.start()
            until(lambda: "Waiting for Redis" in node.log)
            memory.start()
            starting.join()
            assert node.token(client).status == 200
        finally:
            node.close()


def test_a_clock_that_is_an_hour_wrong(whole: Site, tmp_path: Path) -> None:
    """Its node refuses what others issue and others are not harmed; no assertion gets a second token anywhere."""
    good, client = whole.nodes[0], whole.nodes[0].registry.granted_client()
    used = client.form()
    assert good.post(used).status == 200
    with odd_clock(tmp_path, good, HOUR) as ahead:
        assert ahead.token(client).code == "MP-130"
        # It has cleared away by its own clock what it thought was over. Now Valkey forgets too.
        whole.valkey.cli("FLUSHALL")
        assert settled(good, used).code == "MP-012"
        ahead.set_clock(-HOUR)
        behind, old = ahead, an_hour_old(client)
        assert behind.token(client).code == "AS-131"
        assert good.post(old).status == 400
        # By its clock this one is fresh. What the others clear away, and what Valkey forgets, it may not take again.
        assert settled(behind, old).status == 200
        clear_away(good)
        whole.valkey.cli("FLUSHALL")
        assert settled(behind, old).code == "MP-012"
        behind.set_clock(0)
        assert behind.token(client).status == 200
    assert good.token(client).status == 200
    assert whole.issued_twice() == []


def an_hour_old(client: RegisteredClient) -> dict[str, str]:
    """A grant that was good an hour ago."""
    then = int(time.time()) - HOUR
    return client.form(iat=then, exp=then + 100)


def clear_away(node: Node) -> None:
    """Do what every node does once a minute: forget assertions that no one need remember."""

    async def purge() -> None:
        database = open_database(node.settings.database_url)
        try:
            await SqlSingleUse(database).purge(int(time.time()))
        finally:
            await database.close()

    asyncio.run(purge())
