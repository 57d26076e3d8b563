"""Valkey dead, restarted empty, frozen, full, set up wrongly: no token without it, none twice after it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from authserver.oauth.unavailable import Unavailable
from tests.faults.asking import closed, serves_again, settled
from tests.faults.site import Node, Site, revive, until
from tests.hostile.test_at_once import mandate
from tests.support.http import request
from tests.support.servers import PostgresServer, valkey


def test_dead_and_restarted_empty(whole: Site, report: Callable[[str], None]) -> None:
    """Without Valkey 503 and not ready, yet alive; back empty, it serves at once and old assertions stay used."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    used, kept = client.form(), client.form()
    assert node.post(used).status == 200
    whole.valkey.kill()
    assert closed(node.post(kept))
    assert "does not answer" in node.faults["redis"]
    assert request(node.management_port, "GET", "/livez").status == 200
    revive(whole.valkey)
    assert whole.valkey.cli("KEYS", "*spent*") == ""
    report(f"tokens from every node {serves_again(whole, client):.2f} s after Valkey was back")
    assert whole.nodes[1].post(used).code == "MP-012"
    # Nothing was recorded of it; it may be spent, if nobody could be sure, but it never has two tokens.
    assert [node.post(kept).status for _ in range(3)] in ([200, 400, 400], [400] * 3)
    assert whole.issued_twice() == []


def test_emptied_while_running(whole: Site) -> None:
    """An operator's FLUSHALL opens no replay, and costs no more than a moment."""
    client = whole.nodes[0].registry.granted_client()
    used = client.form()
    assert whole.nodes[0].post(used).status == 200
    whole.valkey.cli("FLUSHALL")
    assert [settled(node, used).code for node in whole.nodes] == ["MP-012"] * 2
    serves_again(whole, client)


def test_frozen(whole: Site, report: Callable[[str], None]) -> None:
    """A Valkey that holds its connections and is silent is 503 too, and on waking it serves as before."""
    client = whole.nodes[0].registry.granted_client()
    used = client.form()
    assert whole.nodes[0].post(used).status == 200
    whole.valkey.signal(signal.SIGSTOP)
    try:
        assert all(closed(node.token(client)) for node in whole.nodes)
    finally:
        whole.valkey.signal(signal.SIGCONT)
    report(f"tokens from every node {serves_again(whole, client):.2f} s after Valkey woke")
    assert settled(whole.nodes[1], used).code == "MP-012"


def test_a_revocation_without_valkey(whole: Site) -> None:
    """Whoever revokes is told that it is not yet known to be effective; once tokens are issued again it is."""
    node = whole.nodes[0]
    given = mandate(node.registry)
    client = node.registry.granted_client()
    form = {"consumer_org": given.consumer}
    assert {node.token(given.client, **form).status for node in whole.nodes} == {200}
    whole.valkey.kill()
    with pytest.raises(Unavailable) as told:
        node.registry.revoke(given.scope, given.consumer)
    assert not told.value.certain
    revive(whole.valkey)
    codes = [settled(node, given.client.form(**form)).code for node in whole.nodes]
    assert codes == ["MP-250"] * 2
    serves_again(whole, client)


def test_full(whole: Site) -> None:
    """A Valkey without room forgets nothing and takes nothing: 503, and the same assertion serves once there is."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    used, kept = client.form(), client.form()
    assert node.post(used).status == 200
    whole.valkey.cli("CONFIG", "SET", "maxmemory", "1")
    assert closed(node.post(kept))
    whole.valkey.cli("CONFIG", "SET", "maxmemory", "0")
    assert settled(node, kept).status == 200
    assert node.post(used).code == "MP-012"


def test_set_to_evict_while_running(whole: Site) -> None:
    """A Valkey that may evict makes the nodes not ready, in a sentence that says why; used is used all the same."""
    client, node = whole.nodes[0].registry.granted_client(), whole.nodes[0]
    whole.valkey.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert not node.ready()
    assert "maxmemory-policy allkeys-lru" in node.faults["redis"]
    assert "Set it to noeviction" in node.faults["redis"]
    used = client.form()
    assert node.post(used).status == 200
    assert node.post(used).code == "MP-012"
    whole.valkey.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    until(node.ready)


def test_set_to_evict_from_the_start(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """A node does not start on a Valkey that may evict, and says why."""
    with valkey("--maxmemory-policy", "allkeys-lru") as server:
        node = Node(tmp_path, database_url=postgres_server.create_database("evicting"), redis_url=server.url)
        node.init()
        with pytest.raises(RuntimeError, match="maxmemory-policy allkeys-lru"):
            node.start()
