"""The status lists that we publish: signed, and made no more often than it is worth, however many ask (P8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from authserver.grants.ports import Signer
from authserver.oauth import exercises, status_list
from authserver.registry.evidence import Sign

TTL: Final = 60
"""For how many seconds a verifier may go on without asking again."""
LIFE: Final = 3600
"""For how many seconds a list may be believed at all."""
PAUSE: Final = 2
"""How many seconds lie between two lists of the same number, at least."""


@dataclass(frozen=True, slots=True)
class EvidenceSigner:
    """Signs statements and status lists, as tokens of the profile `standard` are, with a key that is published."""

    signer: Signer

    async def __call__(self, claims: dict[str, Any], typ: str) -> str:
        """Return the claims as a compact JWS of this type. Raises Unavailable without a key."""
        return (await self.signer.sign(claims, alg="ES256", typ=typ)).compact


class Statuses(Protocol):
    """Where statuses come from."""

    async def statuses(self, number: int) -> tuple[int, Mapping[int, int]] | None:
        """The policy epoch and what is not valid at it, None if there is no such list. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Published:
    """A signed list as it is served, of one policy epoch, made at `at` (seconds). `lst` is kept to be signed again."""

    body: bytes
    etag: str
    epoch: int
    at: int
    lst: str


class StatusLists:
    """One document a list, replaced when the registry has changed, or when half of its `ttl` has passed."""

    def __init__(
        self, issuer: str, source: Statuses, sign: Sign, epoch: Callable[[], int], clock: Callable[[], int]
    ) -> None:
        """`epoch` tells the policy epoch that this node is at, without asking anybody."""
        self._issuer = issuer
        self._source = source
        self._sign = sign
        self._epoch = epoch
        self._clock = clock
        self._published: dict[int, Published] = {}
        self._absent: tuple[int, int] = (-1, 0)
        # One at a time: lists are made for everybody.
        self._making = asyncio.Lock()

    async def current(self, number: int) -> Published | None:
        """Return a list as it is now, None if there is no such list. Raises Unavailable."""
        if self._known_absent(number):
            return None
        known = self._published.get(number)
        if known is not None and self._good(known):
            return known
        async with self._making:
            known = self._published.get(number)
            if known is not None and self._good(known):
                return known
            if self._known_absent(number):
                return None
            return await self._make(number, known)

    def _good(self, known: Published) -> bool:
        age = self._clock() - known.at
        return age < PAUSE or (age < TTL // 2 and known.epoch >= self._epoch())

    def _known_absent(self, number: int) -> bool:
        """Tell whether a list with a number no higher was not there a moment ago, so that guessing costs nothing."""
        lowest, until = self._absent
        return 0 <= lowest <= number != exercises.STATUS_LIST and self._clock() < until

    async def _found(self, number: int) -> tuple[int, Mapping[int, int]] | None:
        if number == exercises.STATUS_LIST:
            return self._epoch(), exercises.STATUSES
        return await self._source.statuses(number)

    async def _make(self, number: int, known: Published | None) -> Published | None:
        found = await self._found(number)
        now = self._clock()
        if found is None:
            self._absent = (number, now + PAUSE)
            return None
        epoch, statuses = found
        if known is not None and known.epoch == epoch:
            lst = known.lst
        else:
            # Away from the loop: compressing a full list takes some hundredths of a second.
            lst = await asyncio.to_thread(status_list.encode, statuses)
        claims = status_list.claims(self._issuer, number, lst, now, ttl=TTL, life=LIFE)
        body = (await self._sign(claims, status_list.TYP)).encode("ascii")
        made = Published(body, f'"{sha256(body).hexdigest()}"', epoch, now, lst)
        self._published[number] = made
        return made
