"""A machine whose clock is wrong."""

from __future__ import annotations

import base64
import json
import urllib.parse
from email.utils import formatdate

import httpx2
import pytest

from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock
from tillit import Authority, ClientConfig, Rejected, TokenClient, signers


def strict(clock: ManualClock, skew: float, seen: list[int]) -> httpx2.Client:
    """An authority whose clock is `skew` seconds ahead, and that takes assertions of the last two minutes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assertion = urllib.parse.parse_qs(request.content.decode())["assertion"][0].split(".")[1]
        issued = json.loads(base64.urlsafe_b64decode(assertion + "=="))["iat"]
        seen.append(issued)
        now = clock.time() + skew
        date = {"Date": formatdate(now, usegmt=True)}
        if not now - 120 <= issued <= now + 10:
            code = "MP-130: JWT is expired." if issued < now else "AS-131: Issue time is in the future."
            return httpx2.Response(400, json={"error": "invalid_grant", "error_description": code}, headers=date)
        granted = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 600}
        return httpx2.Response(200, json=granted, headers=date)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize("skew", [-600.0, -30.0, 200.0, 600.0])
def test_a_wrong_clock_gets_a_token(keys: Keys, clock: ManualClock, skew: float) -> None:
    """After one refusal for time, assertions follow the authority's clock, and go on doing so."""
    seen: list[int] = []
    config = ClientConfig(Authority("https://a.no/", "https://a.no/token"), "c", signers.from_pem(keys.pem(keys.p256)))
    client = TokenClient(config, http=strict(clock, skew, seen), clock=clock)
    client.get("a:b")
    client.get("c:d")
    assert len(seen) == 3


def test_a_correction_is_bounded(keys: Keys, clock: ManualClock) -> None:
    """Beyond fifteen minutes the refusal stands, and says how far the clocks are apart."""
    seen: list[int] = []
    config = ClientConfig(Authority("https://a.no/", "https://a.no/token"), "c", signers.from_pem(keys.pem(keys.p256)))
    with pytest.raises(Rejected) as caught:
        TokenClient(config, http=strict(clock, 3600, seen), clock=clock).get("a:b")
    assert len(seen) == 1
    assert caught.value.skew == 3600
