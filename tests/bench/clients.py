"""A token that is at hand: what each client library asks of the processor to say so."""

from __future__ import annotations

import asyncio
import importlib
import time
from dataclasses import dataclass
from importlib.util import find_spec

from tests.bench.assertions import make_key
from tests.bench.clients_ours import SCOPE, awaiting_client, threaded_client
from tests.bench.clients_peers import Present, authlib, google_auth
from tests.bench.stopwatch import Cost, Run, race, repeated
from tillit import AsyncTokenClient, TokenRequest

# Awaits between two looks at the clock.
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Hits:
    """Costs by contestant; `absent` says in a sentence who could not take part."""

    costs: dict[str, Cost]
    absent: dict[str, str]


def measure(seconds: float, runs: int) -> Hits:
    """Measure every client with a token in its cache. Raises RuntimeError if one does not keep its token."""
    key, request = make_key("ES256", "client"), TokenRequest(SCOPE)
    ours = threaded_client(key)
    contestants: dict[str, Run] = {
        "tillit, by scope": repeated(lambda: ours.get(SCOPE)),
        "tillit, by TokenRequest": repeated(lambda: ours.get(request)),
        "tillit, asyncio": _awaited(awaiting_client(key)),
    }
    peers: dict[str, Present] = {"Authlib": authlib(), "google-auth": google_auth(make_key("RS256", "client"))}
    absent = {}
    if find_spec("msal"):
        peers["MSAL"] = importlib.import_module("tests.bench.clients_msal").present()
    else:
        absent["MSAL"] = "it is not installed"
    for name, present in peers.items():
        if not present() or present() != present():
            raise RuntimeError(f"{name} does not keep its token")
        contestants[name] = repeated(present)
    return Hits(race(contestants, seconds, runs), absent)


def _awaited(client: AsyncTokenClient) -> Run:
    async def run(seconds: float) -> float:
        await client.get(SCOPE)
        calls = 0
        began = passed = time.process_time()
        while (passed := time.process_time()) - began < seconds or not calls:
            for _ in range(_BATCH):
                await client.get(SCOPE)
            calls += _BATCH
        return (passed - began) / calls * 1e6

    return lambda seconds: asyncio.run(run(seconds))
