"""One request among processes: a flight takes its turn at the store before it asks the authority."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tillit.core.request import TokenRequest
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.errors import ConfigError, TokenError
from tillit.shared import SharedTokens
from tillit.stores.protocol import Lease

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """Seconds: `ttl` is how long a lock outlives its holder, `patience` how long one waits for a lock."""

    ttl: float
    patience: float

    @staticmethod
    def of(retry: RetryPolicy, deadline: float | None) -> TurnTimes:
        """Half of what there is, so that whoever waited in vain has time to ask the authority itself."""
        ttl = retry.deadline / 2
        return TurnTimes(ttl, ttl if deadline is None else min(ttl, deadline / 2))


@dataclass(frozen=True, slots=True)
class Errand:
    """What a turn is for: a token for `request`, to be found or put under `key`.

    `known` are the values that are not news, and `usable` tells whether a token that is news is fresh enough.
    `unwanted` is to be dropped. By `force`, what is in the store at the beginning is not news either. With a `refusal`
    that stands, the authority is not to be asked.
    """

    key: str
    request: TokenRequest
    usable: Callable[[Token], bool]
    known: frozenset[str]
    unwanted: Token | None
    force: bool
    refusal: TokenError | None
    times: TurnTimes


class Turn:
    """One flight's way to a token through a store that others use.

    `step` is called until it is true. Then there is a `token`, or it is this flight's turn to fetch one and to `put`
    it. `release` ends the turn in any case. All of them block, on a file or a network but never on a lock; they may be
    called from different threads. `spare` is a token that is not fresh, but better than none.
    """

    def __init__(self, shared: SharedTokens, errand: Errand) -> None:
        self.token: Token | None = None
        self.spare: Token | None = None
        self._shared = shared
        self._errand = errand
        self._known = set(errand.known)
        self._lease: Lease | None = None
        self._mutex = threading.Lock()
        self._over = False

    def begin(self) -> None:
        """Drop what is unwanted; by force, what is there already is not news either.

        Raises the refusal that stands, if there is one and no token.
        """
        if self._errand.unwanted is not None:
            self._shared.drop(self._errand.key, self._errand.unwanted)
        if self._errand.force:
            self._shared.attempt(self._note_present)
        if self._errand.refusal is not None:
            self._shared.attempt(self._glance)
            if self.token is None:
                raise self._errand.refusal

    def step(self) -> bool:
        """Look and try the lock once; False while another process holds it."""
        waiting: list[bool] = []
        self._shared.attempt(lambda: waiting.append(not self._look()))
        return not any(waiting)

    def pauses(self) -> Iterator[float]:
        """Seconds to wait between steps, until patience has run out."""
        stop = time.monotonic() + self._errand.times.patience
        pause = _FIRST_PAUSE
        while (left := stop - time.monotonic()) > 0:
            # Drawn, so that processes do not look in step.
            yield min(pause * random.uniform(0.5, 1.0), left)  # noqa: S311 - no secret
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def put(self, token: Token) -> None:
        """Let the others have `token`."""
        self._shared.put(self._errand.key, token)

    def release(self) -> None:
        """Give the lock up, and whatever lock a step still under way may get."""
        with self._mutex:
            self._over = True
            lease, self._lease = self._lease, None
        if lease is not None:
            self._shared.give_up(lease)

    def instead_of(self, error: TokenError) -> Token:
        """The token that is not fresh, if there is one. Else raises `error`."""
        if self.spare is None or self.spare.expires_in() <= 0 or isinstance(error, ConfigError):
            raise error
        return self.spare

    def _glance(self) -> None:
        self._find()

    def _note_present(self) -> None:
        present = self._shared.read(self._errand.key, self._errand.request)
        if present is not None:
            self._known.add(present.value)

    def _look(self) -> bool:
        if self._find():
            return True
        lease = self._shared.lock(self._errand.key, self._errand.times.ttl)
        if lease is None:
            return False
        with self._mutex:
            over = self._over
            if not over:
                self._lease = lease
        if over:
            self._shared.give_up(lease)
        else:
            # Whoever had the lock may have put a token between our look and our lock.
            self._find()
        return True

    def _find(self) -> bool:
        found = self._shared.read(self._errand.key, self._errand.request)
        if found is None or found.value in self._known:
            return False
        if self._errand.usable(found):
            self.token = found
            return True
        self.spare = found
        return False


def in_turn(turn: Turn, fetch: Callable[[], Token]) -> Token:
    """The token that another process put, or what `fetch` gives when it is this one's turn. Raises what that raises."""
    try:
        turn.begin()
        for pause in turn.pauses():
            if turn.token is not None or turn.step():
                break
            time.sleep(pause)
        if turn.token is not None:
            return turn.token
        token = fetch()
        turn.put(token)
    except TokenError as error:
        return turn.instead_of(error)
    else:
        return token
    finally:
        turn.release()


async def ain_turn(turn: Turn, fetch: Callable[[], Awaitable[Token]]) -> Token:
    """The same on an event loop, which never waits for a file or a network: threads do."""
    try:
        await asyncio.to_thread(turn.begin)
        for pause in turn.pauses():
            if turn.token is not None or await asyncio.to_thread(turn.step):
                break
            await asyncio.sleep(pause)
        if turn.token is not None:
            return turn.token
        token = await fetch()
        await asyncio.to_thread(turn.put, token)
    except TokenError as error:
        return turn.instead_of(error)
    else:
        return token
    finally:
        await asyncio.to_thread(turn.release)
