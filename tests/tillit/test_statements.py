"""Status lists as an API fetches them: once, for as long as they say, and never from elsewhere or beyond their end."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.tillit.by_hand import compact, public_jwk
from tests.tillit.stub import ManualClock
from tillit import JwksSource, Status, StatusLists, StatusReference, StatusUnavailable

ISSUER = "https://authority.example/"
URI = "https://authority.example/status-lists/0"
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = public_jwk(KEY, "k", "ES256")


class Served:
    """An authority that serves one list, and counts."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.status = 0
        self.fetched = 0
        self.answer: Callable[[], httpx2.Response] = lambda: httpx2.Response(200, text=self.token())
        self.http = httpx2.Client(transport=httpx2.MockTransport(self.serve))

    def serve(self, request: httpx2.Request) -> httpx2.Response:
        """Answer with keys or with the list."""
        if request.url.path == "/jwk":
            return httpx2.Response(200, json={"keys": [JWK]})
        self.fetched += 1
        return self.answer()

    def token(self, typ: str = "statuslist+jwt", **changes: Any) -> str:
        """The list, signed: one byte, whose second entry has the status."""
        now = int(self.clock.time())
        lst = base64.urlsafe_b64encode(zlib.compress(bytes([self.status << 2]))).rstrip(b"=").decode()
        claims = {"iss": ISSUER, "sub": URI, "iat": now, "exp": now + 600, "ttl": 60}
        claims |= {"status_list": {"bits": 2, "lst": lst}, **changes}
        header = {"alg": "ES256", "kid": "k", "typ": typ}
        return compact(KEY, "ES256", header, claims)

    def lists(self) -> StatusLists:
        """A reader of it."""
        jwks = JwksSource("https://authority.example/jwk", http=self.http, clock=self.clock)
        return StatusLists(ISSUER, jwks, http=self.http, clock=self.clock)


def test_a_list_is_fetched_once_for_its_ttl() -> None:
    """Within its ttl a list answers for all its entries without being asked for again; then it is."""
    served = Served()
    lists = served.lists()
    assert [lists.status(StatusReference(URI, index)) for index in (0, 1, 2, 3)] == [Status.VALID] * 4
    served.status = 1
    served.clock.advance(59)
    assert (lists.status(StatusReference(URI, 1)), served.fetched) == (Status.VALID, 1)
    served.clock.advance(1)
    assert (lists.status(StatusReference(URI, 1)), served.fetched) == (Status.INVALID, 2)


def test_a_list_is_not_believed_beyond_its_end() -> None:
    """A list that ends before its ttl does is asked for again when it ends, and nothing is known if it is away."""
    served = Served()
    served.answer = lambda: httpx2.Response(200, text=served.token(exp=int(served.clock.time()) + 5))
    lists = served.lists()
    assert lists.status(StatusReference(URI, 0)) is Status.VALID
    served.clock.advance(5)
    served.answer = lambda: httpx2.Response(503)
    with pytest.raises(StatusUnavailable, match="503"):
        lists.status(StatusReference(URI, 0))


def test_nobody_is_sent_elsewhere() -> None:
    """A list at another address than the issuer's is not asked for."""
    served = Served()
    for uri in (
        "https://other.example/status-lists/0",
        "http://authority.example/status-lists/0",
        "https://authority.example:444/status-lists/0",
        "https://user@authority.example/status-lists/0",
        "file:///etc/passwd",
    ):
        with pytest.raises(StatusUnavailable):
            served.lists().status(StatusReference(uri, 0))
    assert served.fetched == 0


THREE_BITS = {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}
BAD: dict[str, Callable[[Served], httpx2.Response]] = {
    "not-found": lambda _: httpx2.Response(404),
    "a-redirect": lambda _: httpx2.Response(302, headers={"location": "https://other.example/"}),
    "too-large": lambda _: httpx2.Response(200, text="a" * (1024 * 1024 + 1)),
    "no-token": lambda _: httpx2.Response(200, text=json.dumps({"status_list": {}})),
    "another-type": lambda served: httpx2.Response(200, text=served.token(typ="at+jwt")),
    "another-list": lambda served: httpx2.Response(200, text=served.token(sub=f"{URI}1")),
    "another-issuer": lambda served: httpx2.Response(200, text=served.token(iss="https://other.example/")),
    "expired": lambda served: httpx2.Response(200, text=served.token(exp=1)),
    "from-the-future": lambda served: httpx2.Response(200, text=served.token(iat=int(served.clock.time()) + 60)),
    "three-bits": lambda served: httpx2.Response(200, text=served.token(status_list=THREE_BITS)),
    "tampered": lambda served: httpx2.Response(200, text=served.token()[:-8] + "AAAAAAAA"),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_what_is_no_list_tells_nothing(answer: Callable[[Served], httpx2.Response]) -> None:
    """Whatever is served in place of the list, the status is not known, which is never taken for good."""
    served = Served()
    served.answer = lambda: answer(served)
    with pytest.raises(StatusUnavailable):
        served.lists().status(StatusReference(URI, 0))


def test_an_index_beyond_the_list_is_not_known() -> None:
    """An entry that the list does not have is not known to be good."""
    with pytest.raises(StatusUnavailable, match="no such index"):
        Served().lists().status(StatusReference(URI, 4))
