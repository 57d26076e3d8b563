"""How many connections a listener keeps open, and what becomes of one too many (P8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.server import ServerState

from authserver.oauth.errors import Reason, Refusal
from authserver.web.render import render
from authserver.web.wire import answer_bytes

_RETRY_AFTER = 2
_TURNED_AWAY_AT_ONCE = 64
_TURNED_AWAY_SECONDS = 2.0


class Entrance:
    """Makes the protocol of each connection, by `make` while fewer than `most` are open.

    One more is told 503 as soon as it begins to ask, unparsed, and closed; `refused` hears of it. When too many wait to
    be told, it is closed without a word: nobody who opens connections and says nothing costs more than that.
    """

    def __init__(self, make: Callable[..., asyncio.Protocol], most: int, refused: Callable[[], None]) -> None:
        self.turned_away: set[asyncio.Protocol] = set()
        self._make = make
        self._most = most
        self._refused = refused

    def __call__(self, *args: Any, server_state: ServerState, **options: Any) -> asyncio.Protocol:
        """Make a protocol, given what the server library gives to its own."""
        if len(server_state.connections) < self._most:
            return self._make(*args, server_state=server_state, **options)
        self._refused()
        return _TurnedAway(self.turned_away)


class _TurnedAway(asyncio.Protocol):
    """A connection for which there is no room."""

    def __init__(self, others: set[asyncio.Protocol]) -> None:
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait a moment for a request, to answer it; many clients do not read before they have asked."""
        if len(self._others) >= _TURNED_AWAY_AT_ONCE:
            transport.close()
            return
        self._others.add(self)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(_TURNED_AWAY_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - whatever it asks
        """Answer, once."""
        if self._transport is not None and not self._transport.is_closing():
            refusal = Refusal(Reason.OVERLOADED, retry_after=_RETRY_AFTER)
            self._transport.write(answer_bytes(*render(refusal, "0" * 32), close=True))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - gone is gone
        """Make room for the next."""
        self._others.discard(self)
        if self._timer is not None:
            self._timer.cancel()
