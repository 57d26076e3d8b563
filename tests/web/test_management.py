"""The management listener: health and metrics, and none of it on the public one."""

from __future__ import annotations

import pytest

from tests.support.authority import Authority
from tests.support.http import request
from tests.support.registrar import RegisteredClient


def counted(authority: Authority, outcome: str) -> float:
    """Read the counter of answered token requests."""
    text = request(authority.management_port, "GET", "/metrics").body.decode()
    name = f'authserver_token_requests_total{{outcome="{outcome}"}} '
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0.0)


def test_a_running_node_is_alive_and_ready(authority: Authority) -> None:
    """Liveness says the process answers, readiness that it can decide."""
    assert request(authority.management_port, "GET", "/livez").json == {"status": "alive"}
    assert request(authority.management_port, "GET", "/readyz").json == {"status": "ready", "faults": {}}


def test_every_answer_is_counted_by_its_outcome(authority: Authority, client: RegisteredClient) -> None:
    """A token and a refusal move their own counter, and the name of an outcome comes from our own table."""
    issued, refused = counted(authority, "issued"), counted(authority, "client.unknown")
    authority.token(client)
    authority.token(client, iss="kanarifugl7")
    assert counted(authority, "issued") == issued + 1
    assert counted(authority, "client.unknown") == refused + 1
    assert b"kanarifugl7" not in request(authority.management_port, "GET", "/metrics").body


def test_the_metrics_tell_the_policy_epoch(authority: Authority, client: RegisteredClient) -> None:
    """An operator can see how far a node has followed the registry."""
    text = request(authority.management_port, "GET", "/metrics").body.decode()
    assert "authserver_policy_epoch " in text
    assert "authserver_snapshot_records " in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_management_is_not_on_the_public_listener(authority: Authority, path: str) -> None:
    """Health and metrics are for the operator's network alone."""
    assert authority.get(path).status == 404


@pytest.mark.parametrize("path", ["/token", "/jwk", "/", "/docs", "/openapi.json"])
def test_nothing_public_is_on_the_management_listener(authority: Authority, path: str) -> None:
    """The management listener has its three pages and no other."""
    assert request(authority.management_port, "GET", path).status == 404
