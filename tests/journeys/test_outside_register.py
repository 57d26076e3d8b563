"""Two authorities: one issues tokens, the other keeps the delegations, and the first asks it with every request."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from authserver.oauth.models import DelegationSource
from authserver.registry.administration import Administration, establish
from authserver.registry.lookup import ASK_ALL, SUBSCOPES
from authserver.registry.ports import Actor
from authserver.services import open_store
from tests.support.authority import Authority, running
from tests.support.build import CONSUMER, SUPPLIER
from tests.support.http import Answer, broken_promises, request
from tests.support.keys import make_key
from tests.support.registrar import RegisteredClient

SCOPE = "deeds:read"
CLIENT = "authority-a"
PATH = "/accessmanagement/api/v1/maskinporten/delegations/"
RECOVERED_WITHIN = 60


class Between(ThreadingHTTPServer):
    """What stands before the register: hands questions on, or answers them badly in its place. Counts them."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handing)
        self.register_port = port
        self.answer = HONEST
        self.asked = 0
        self.ended = threading.Event()


@dataclass(frozen=True)
class Bad:
    """An answer that is none: raw bytes, and whether the connection then stays open, silent, to the end."""

    sent: bytes = b""
    hangs: bool = False


def whole(status: str, body: bytes, *headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = (f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HONEST = Bad(b"honest")
ROW = b'[{"consumer_org":"310000009","supplier_org":"310000017","scopes":["deeds:read"]}]'
BAD = {
    "no answer at all": Bad(),
    "an answer that never comes": Bad(hangs=True),
    "an answer that never ends": Bad(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[", hangs=True),
    "a 500": Bad(whole("500 Internal Server Error", ROW)),
    "a redirect": Bad(whole("302 Found", ROW, "location: /elsewhere")),
    "other JSON": Bad(whole("200 OK", b'{"delegated":true}')),
    "no JSON": Bad(whole("200 OK", b"<html>delegated</html>")),
    "a huge body": Bad(whole("200 OK", b"[" + b" " * 200_000 + b"]")),
    "a compressed body": Bad(whole("200 OK", ROW, "content-encoding: gzip")),
    "no HTTP": Bad(b"\x00\x01\x02\x03 delegated\r\n\r\n"),
}


class Handing(BaseHTTPRequestHandler):
    """Answers as its server is told to."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Between)
        server.asked += 1
        if server.answer is not HONEST:
            self.wfile.write(server.answer.sent)
            if server.answer.hangs:
                server.ended.wait()
            self.close_connection = True
            return
        sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        try:
            answer = request(server.register_port, "GET", self.path, None, sent)
        except OSError:
            self.close_connection = True
            return
        self.wfile.write(whole(str(answer.status), answer.body, "content-type: application/json"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""


@dataclass
class Pair:
    """Authority A, the register B, what stands between them, and a supplier with a client at A."""

    a: Authority
    b: Authority
    between: Between
    supplier: RegisteredClient
    consumer: str
    delegations: list[str] = field(default_factory=list)

    def delegate(self) -> None:
        """Let the consumer delegate the scope at B."""
        self.delegations.append(self.b.registry.delegate(self.consumer, self.supplier.orgno, SCOPE))

    def revoke(self) -> None:
        """Let the consumer revoke that at B."""
        self.b.registry.revoke_delegation(self.delegations[-1])

    def token(self, **claims: Any) -> Answer:
        """Ask A for a token on the consumer's behalf."""
        return self.a.token(self.supplier, consumer_org=self.consumer, **claims)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both authorities, with the consumer's delegation at B; the supplier's client at A."""
    key, folder = make_key("ES256"), tmp_path_factory.mktemp("a")
    (folder / "source-key.pem").write_text(key.pem)
    with running(tmp_path_factory.mktemp("b"), lookup_prefix="altinn") as b:
        lookups = f"{b.settings.lookup_prefix}:{ASK_ALL}"
        asyncio.run(_establish(b))
        b.registry.granted_client(lookups, client_id=CLIENT, key=key)
        ours: dict[str, Any] = {"source_client_id": CLIENT, "source_key": folder / "source-key.pem"}
        with (
            Between(b.port) as between,
            running(folder, source_kid=key.kid, source_seconds=1, **ours) as a,
        ):
            threading.Thread(target=between.serve_forever).start()
            try:
                yield _filled(a, b, between, lookups)
            finally:
                between.ended.set()
                between.shutdown()
        for authority in (a, b):
            assert "Traceback" not in authority.log
            assert "eyJ" not in authority.log


async def _establish(authority: Authority) -> None:
    settings = authority.settings
    lookups = Administration(settings.lookup_prefix, settings.operator, SUBSCOPES)
    async with open_store(settings) as store:
        await establish(store, Actor("operator"), int(time.time()), administration=lookups, name="The operator")


def _filled(a: Authority, b: Authority, between: Between, lookups: str) -> Pair:
    url = f"http://127.0.0.1:{between.server_port}{PATH}"
    asyncio.run(_put(a, DelegationSource(b.issuer, "B", url, lookups)))
    for orgno in (CONSUMER, SUPPLIER):
        a.registry.organisation(orgno)
        b.registry.organisation(orgno)
    supplier = a.registry.client(a.registry.scope(SCOPE, delegation_source=b.issuer), org=SUPPLIER)
    a.registry.grant(SCOPE, CONSUMER)
    b.registry.scope(SCOPE, delegable=True)
    made = Pair(a, b, between, supplier, CONSUMER)
    made.delegate()
    return made


async def _put(authority: Authority, source: DelegationSource) -> None:
    async with open_store(authority.settings) as store, store.change(Actor("operator"), int(time.time())) as change:
        await change.put(source)


@pytest.fixture(autouse=True)
def honest(pair: Pair) -> None:
    """Every test begins with a register that answers, and that this process of A has not given up."""
    pair.between.answer = HONEST
    _recovered(pair)


def _recovered(pair: Pair) -> Answer:
    """Ask A until it gets an answer of the register."""
    deadline = time.monotonic() + RECOVERED_WITHIN
    while (answer := pair.token()).status == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.status == 200, answer.body
    return answer


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_a_supplier_gets_a_token_that_names_the_register(pair: Pair) -> None:
    """What the register proves becomes a token of A; it names B as the source, and the record keeps B's answer."""
    answer = pair.token()
    claims = _claims(answer.token)
    assert (claims["iss"], claims["delegation_source"]) == (pair.a.issuer, pair.b.issuer)
    assert claims["consumer"]["ID"] == f"0192:{pair.consumer}"
    assert claims["supplier"]["ID"] == f"0192:{pair.supplier.orgno}"
    recorded = pair.a.registry.decision(token_jti=claims["jti"])
    assert recorded is not None
    assert recorded["detail"].startswith(f"{pair.b.issuer} answered sha256:")
    assert recorded["delegation_id"] != ""


def test_a_revocation_at_the_register_refuses_the_next_request(pair: Pair) -> None:
    """What is revoked at B is refused at A at once, on the record with the answer; delegated anew, it is issued."""
    pair.revoke()
    answer = pair.token()
    pair.delegate()
    assert answer.refusal == (403, "forbidden", "MP-251")
    recorded = pair.a.registry.decision(trace_id=answer.trace_id)
    assert recorded is not None
    assert f"{pair.b.issuer} answered sha256:" in recorded["detail"]
    assert pair.token().status == 200


def test_without_consumer_org_the_register_is_not_asked(pair: Pair) -> None:
    """What the supplier itself may have is no matter of the register."""
    asked = pair.between.asked
    assert pair.a.token(pair.supplier).refusal == (403, "forbidden", "MP-250")
    assert pair.between.asked == asked


def test_access_that_was_taken_at_a_refuses_whatever_the_register_says(pair: Pair) -> None:
    """The register proves the delegation and nothing else: access is A's, and taken at once."""
    pair.a.registry.revoke(SCOPE, pair.consumer)
    refused = pair.token()
    pair.a.registry.grant(SCOPE, pair.consumer)
    assert refused.refusal == (403, "forbidden", "MP-250")


def test_scopes_of_two_registers_share_no_token(pair: Pair) -> None:
    """A request for a scope of our own register beside one of B's is refused by name."""
    own = pair.a.registry.scope(delegable=True, audience=f"{pair.a.issuer}api/deeds")
    client = pair.a.registry.client(SCOPE, own)
    for orgno in (client.orgno, pair.consumer):
        pair.a.registry.grant(own, orgno)
    answer = pair.a.token(client, consumer_org=pair.consumer)
    assert answer.refusal == (400, "invalid_scope", "AS-209")


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_answer_is_a_503_and_never_a_token(pair: Pair, name: str) -> None:
    """However the register fails, A refuses with AS-504 and says when to try again; then all is well again."""
    pair.between.answer = BAD[name]
    answer = pair.token()
    assert answer.refusal == (503, "temporarily_unavailable", "AS-504")
    assert broken_promises(answer, "delegated") == []
    recorded = pair.a.registry.decision(trace_id=answer.trace_id)
    assert recorded is not None
    assert (recorded["outcome"], recorded["reason"]) == ("refused", "register.silent")


def test_a_register_that_is_down_is_left_alone_and_found_again(pair: Pair) -> None:
    """With B gone there is no token, and after five failures A does not even ask; with B back A finds it by itself."""
    pair.b.stop()
    asked = pair.between.asked
    answers = [pair.token() for _ in range(7)]
    assert {answer.refusal for answer in answers} == {(503, "temporarily_unavailable", "AS-504")}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert pair.between.asked == asked + 5
    pair.b.start()
    _recovered(pair)
