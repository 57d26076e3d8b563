"""A consumer asks, the owner answers, and whoever it concerns is told: by the command line, against a running node."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.authority import Authority, running

TOLD_WITHIN = 60


class Told(ThreadingHTTPServer):
    """A receiver of webhooks on the loopback that keeps what it was told, and a bell for each message."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.messages: list[dict[str, Any]] = []
        self.bell = threading.Condition()

    def until(self, kind: str, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages of a kind have come, and return those."""
        with self.bell:
            self.bell.wait_for(lambda: len(self._of(kind)) >= count, TOLD_WITHIN)
            return self._of(kind)

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["data"]["kind"] == kind]


class Taking(BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Told)
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()
        with server.bell:
            server.messages.append(message)
            server.bell.notify_all()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""


@pytest.fixture
def told() -> Iterator[Told]:
    """A running receiver."""
    with Told() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def verb(authority: Authority, *words: str) -> Any:
    """Run a verb of the command line and return its document."""
    command = [sys.executable, "-m", "authserver", *words, "--json"]
    ran = subprocess.run(
        command, cwd=authority.directory, env=authority.environment(), capture_output=True, check=False
    )
    assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
    return json.loads(ran.stdout)


def test_asked_for_approved_used_and_denied(tmp_path: Path, told: Told) -> None:
    """A token is refused until the owner approves and from the moment it denies, and the consumer is told of each."""
    with running(tmp_path) as authority:
        scope = authority.registry.scope()
        client = authority.registry.client(scope)
        verb(authority, "webhook", "add", client.orgno, f"http://127.0.0.1:{told.server_port}/")
        said = ("--purpose", "Pay out benefits", "--legal-basis", "The National Insurance Act")
        asked = verb(authority, "request", "add", scope, client.orgno, *said)
        assert asked["state"] == "REQUESTED"
        assert authority.token(client).status == 403
        assert verb(authority, "request", "approve", asked["id"])["state"] == "APPROVED"
        assert authority.token(client).status == 200
        verb(authority, "access", "deny", scope, client.orgno, "--reason", "Misused")
        refused = authority.token(client)
        assert (refused.status, b"MP-250" in refused.body) == (403, True)

        messages = told.until("access", 3)
        assert [message["type"] for message in messages] == ["access.created", "access.changed", "access.changed"]
        log = verb(authority, "changes", "--org", client.orgno)
        states = {change["seq"]: change["after"]["state"] for change in log if change["kind"] == "access"}
        assert [states[message["data"]["seq"]] for message in messages] == ["REQUESTED", "APPROVED", "DENIED"]
        assert log[-1]["reason"] == "Misused"
