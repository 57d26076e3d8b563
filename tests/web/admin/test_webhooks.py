"""Webhooks over the admin API: registered, read, switched off and on, and what was not taken sent again."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.support.http import Answer
from tests.web.admin.conftest import NewTool, Tool

ROUND_SECONDS = 30


@dataclass
class Receiver:
    """A real HTTP server that takes every message."""

    port: int
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    def wait(self, count: int) -> None:
        """Wait for so many messages."""
        deadline = time.monotonic() + ROUND_SECONDS
        while len(self.told) < count and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A running receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            it.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        it = Receiver(server.server_port)
        Thread(target=server.serve_forever, daemon=True).start()
        yield it
        server.shutdown()


def add(tool: Tool, **changes: Any) -> Answer:
    """Register a webhook nobody listens at."""
    body = {"url": f"http://127.0.0.1:9/{token_hex(4)}", "kinds": ["client"], **changes}
    answer = tool.call("POST", "/api/v1/webhooks", body)
    assert answer.status == 201, answer.body
    return answer


def test_a_webhook_is_registered_read_switched_off_and_on(new_tool: NewTool) -> None:
    """The secret is in the first answer alone; a change needs the state that was seen."""
    tool = new_tool()
    made = add(tool)
    path, secret = made.headers["location"], made.json["secret"]
    assert (len(base64.b64decode(secret.removeprefix("whsec_"))), made.json["notice"]) == (32, None)
    read = tool.call("GET", path)
    assert (read.status, read.headers["etag"]) == (200, made.headers["etag"])
    assert read.json == {name: made.json[name] for name in ("id", "orgno", "url", "kinds", "active")}
    assert (read.json["orgno"], read.json["kinds"], read.json["active"]) == (tool.orgno, ["client"], True)
    assert tool.call("GET", path, headers={"if-none-match": read.headers["etag"]}).status == 304
    assert tool.call("PATCH", path, {"active": False}).status == 428
    off = tool.call("PATCH", path, {"active": False}, {"if-match": read.headers["etag"]})
    assert (off.status, off.json["active"]) == (200, False)
    assert tool.call("PATCH", path, {"active": True}, {"if-match": read.headers["etag"]}).status == 412
    assert tool.call("PATCH", path, {"active": True}, {"if-match": off.headers["etag"]}).json["active"] is True
    (listed,) = tool.call("GET", "/api/v1/webhooks").json["items"]
    assert listed == read.json
    seen = [tool.call("GET", "/api/v1/changes?limit=200").body, tool.call("GET", path).body, made.body]
    assert [secret.encode() in body for body in seen] == [False, False, True]


def test_a_create_that_is_sent_again_makes_one_webhook_and_tells_no_secret(new_tool: NewTool) -> None:
    """Under its Idempotency-Key the answer comes again without the secret, says so, and none is kept for it."""
    tool, headers = new_tool(), {"idempotency-key": "w-1"}
    body = {"url": "http://127.0.0.1:9/once"}
    first, again = (tool.call("POST", "/api/v1/webhooks", body, headers) for _ in range(2))
    assert (first.status, again.status, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert (again.json["id"], again.json["secret"]) == (first.json["id"], None)
    assert "not kept" in again.json["notice"]
    assert len(tool.call("GET", "/api/v1/webhooks").json["items"]) == 1
    kept = tool.authority.registry.rows("SELECT body FROM idempotent_answers WHERE caller = :c", c=tool.client.id)
    assert len(kept) == 1
    assert first.json["secret"].removeprefix("whsec_") not in json.dumps(kept)


def test_a_create_whose_answer_was_never_kept_makes_no_second_webhook(new_tool: NewTool) -> None:
    """Tried again after its node died, it is a conflict that says what to do: nobody was told the secret."""
    tool, headers, body = new_tool(), {"idempotency-key": "w-2"}, {"url": "http://127.0.0.1:9/lost"}
    assert tool.call("POST", "/api/v1/webhooks", body, headers).status == 201
    engine = create_engine(tool.authority.settings.database_url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM idempotent_answers WHERE caller = :c"), {"c": tool.client.id})
    engine.dispose()
    again = tool.call("POST", "/api/v1/webhooks", body, headers)
    assert (again.status, "told once" in again.json["detail"]) == (409, True)
    assert len(tool.call("GET", "/api/v1/webhooks").json["items"]) == 1


def test_a_rehearsed_webhook_has_no_secret_and_is_not_there(new_tool: NewTool) -> None:
    """`dry_run` shows the record that would be."""
    tool = new_tool()
    told = tool.call("POST", "/api/v1/webhooks?dry_run=true", {"url": "https://hooks.example.org/"})
    (change,) = told.json["changes"]
    assert (told.status, change["kind"], change["before"]) == (200, "webhook", None)
    assert b"whsec_" not in told.body
    assert tool.call("GET", "/api/v1/webhooks").json["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://hooks.example.org/"},
        {"url": "https://user:word@hooks.example.org/"},
        {"url": "https://hooks.example.org/", "kinds": ["nothing"]},
        {"url": "https://hooks.example.org/", "secret": "whsec_AAAA"},
        {"kinds": []},
    ],
)
def test_an_unfit_webhook_is_refused(tool: Tool, body: dict[str, Any]) -> None:
    """Another scheme, a user in the URL, an unknown kind, a secret of one's own, and no URL are 400."""
    answer = tool.call("POST", "/api/v1/webhooks", body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


def test_an_organisation_has_only_so_many(new_tool: NewTool) -> None:
    """The eleventh active webhook is a conflict, until one of them is switched off."""
    tool = new_tool()
    made = [add(tool) for _ in range(10)]
    body = {"url": "http://127.0.0.1:9/one-more"}
    assert tool.call("POST", "/api/v1/webhooks", body).status == 409
    tool.call("PATCH", made[0].headers["location"], {"active": False}, {"if-match": "*"})
    assert tool.call("POST", "/api/v1/webhooks", body).status == 201


def test_a_change_is_told_signed_and_a_dead_letter_sent_again(new_tool: NewTool, receiver: Receiver) -> None:
    """Both messages arrive with the signature of the secret; the letter that was taken is in the list no more."""
    tool = new_tool()
    made = add(tool, url=receiver.url).json
    letters = f"/api/v1/webhooks/{made['id']}/dead-letters"
    (registered,) = [one for one in tool.call("GET", "/api/v1/changes").json["items"] if one["kind"] == "client"][:1]
    tool.authority.registry.dead_letter(made["id"], registered["seq"])
    (letter,) = tool.call("GET", letters).json["items"]
    assert (letter["seq"], letter["fault"]) == (registered["seq"], "status 410")
    assert (letter["message_id"], letter["given_up_at"] > 0) == (f"{made['id']}.{registered['seq']}", True)
    client = tool.call("POST", "/api/v1/clients", {"scopes": []}).json["client_id"]
    resent = tool.call("POST", f"{letters}/resend?reason=repaired", {"seqs": [letter["seq"]]})
    assert (resent.status, resent.json["id"]) == (200, made["id"])
    receiver.wait(2)
    assert {json.loads(body)["data"]["id"] for _, body in receiver.told} == {tool.client.id, client}
    for headers, body in receiver.told:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(made["secret"].removeprefix("whsec_"))
        code = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{code}"
    deadline = time.monotonic() + ROUND_SECONDS
    while tool.call("GET", letters).json["items"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tool.call("GET", letters).json["items"] == []
    newest = tool.call("GET", "/api/v1/changes?limit=200").json["items"][-1]
    assert (newest["kind"], newest["reason"], newest["actor_client_id"]) == ("webhook", "repaired", tool.client.id)


def test_only_letters_that_there_are_and_of_a_webhook_that_is_active(new_tool: NewTool) -> None:
    """An unknown number is 404 and asks for nothing; a deactivated webhook is a conflict."""
    tool = new_tool()
    made = add(tool)
    path = f"{made.headers['location']}/dead-letters"
    tool.authority.registry.dead_letter(made.json["id"], 1)
    tool.authority.registry.dead_letter(made.json["id"], 2)
    assert tool.call("POST", f"{path}/resend", {"seqs": [1, 3]}).status == 404
    assert tool.call("POST", f"{path}/resend", {"seqs": []}).status == 400
    first = tool.call("GET", f"{path}?limit=1").json
    (second,) = tool.call("GET", f"{path}?limit=1&cursor={first['next']}").json["items"]
    assert [one["seq"] for one in (*first["items"], second)] == [1, 2]
    assert second["given_up_at"]
    tool.call("PATCH", made.headers["location"], {"active": False}, {"if-match": "*"})
    assert tool.call("POST", f"{path}/resend", {"seqs": [1]}).status == 409


def test_whoever_only_reads_registers_nothing(new_tool: NewTool) -> None:
    """With `dcr.read` webhooks are read and not made."""
    reader = new_tool("dcr.read")
    assert reader.call("GET", "/api/v1/webhooks").status == 200
    assert reader.call("POST", "/api/v1/webhooks", {"url": "https://hooks.example.org/"}).status == 403
