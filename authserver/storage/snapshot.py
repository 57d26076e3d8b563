"""The node's snapshot of the registry: what it needs in memory, and never older than the epoch it claims (P3)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import Context
from typing import Final, Protocol

from authserver.oauth.models import Client, Fact, Facts, Ref
from authserver.oauth.unavailable import Unavailable
from authserver.storage.batching import Batcher
from authserver.storage.client_keys import ready
from authserver.storage.registry_store import PART, ChangedSince
from authserver.storage.registry_store import Publish as Announce

log = logging.getLogger(__name__)

PRESENT_RECORDS: Final = 100_000
ABSENT_RECORDS: Final = 10_000
POLL_SECONDS: Final = 1.0
_LOADS_BEFORE_GIVING_UP: Final = 5


class Source(Protocol):
    """Where records come from: SqlRegistryStore."""

    async def epoch(self) -> int:
        """The policy epoch, read by a statement that begins after the call."""

    async def load(self, refs: Collection[Ref]) -> tuple[int, Mapping[Ref, Fact]]:
        """Every named record, and the policy epoch that they are at least as new as."""

    async def changes_since(self, epoch: int) -> ChangedSince:
        """What a snapshot at `epoch` must forget to be at the epoch returned."""


class Snapshot:
    """Fills the port Registry.

    One rule keeps it true: everything held is at least as new as `epoch`. A load from before that epoch is done
    again, and the epoch moves only in the same breath as what changed on the way is dropped. So whoever reads
    `epoch` first and `facts` after, holds facts at least that new. Memory is bounded: `present` records and, apart
    from them so that guessing cannot displace what is used, `absent` ones; the longest unused goes first.

    The epoch may come with a pause, after a restore; until it is over by `clock` (seconds) no facts are given, and so
    no token either.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], int],
        *,
        present: int = PRESENT_RECORDS,
        absent: int = ABSENT_RECORDS,
    ) -> None:
        self._source = source
        self._clock = clock
        self._epoch = 0
        self._paused_until = 0
        self._present: OrderedDict[Ref, Fact] = OrderedDict()
        self._absent: OrderedDict[Ref, Fact] = OrderedDict()
        self._most_present = present
        self._most_absent = absent
        self._loads: Batcher[Collection[Ref], Facts] = Batcher(self._load, PART)
        self._reads: Batcher[None, int] = Batcher(self._read_epoch, PART)
        self._following: asyncio.Task[None] | None = None

    @property
    def epoch(self) -> int:
        return self._epoch

    def __len__(self) -> int:
        """How many records are held, absent ones included."""
        return len(self._present) + len(self._absent)

    async def facts(self, refs: Collection[Ref]) -> Facts:
        if (pause := self._paused_until - self._clock()) > 0:
            raise Unavailable("pause after a restore", retry_after=pause)
        found = self._held(refs)
        if len(found) < len(set(refs)):
            found |= await self._loads.submit([ref for ref in refs if ref not in found])
        return found

    def held(self, ref: Ref) -> Fact:
        """The record as it is held at this moment, None if it is absent or not held."""
        return self._present.get(ref)

    async def follow(self, epoch: int) -> None:
        joined = self._following is not None
        while self._epoch < epoch:
            await self._advance()
            if self._epoch < epoch and not joined:
                # The shared store is ahead of the database: what was revoked in between cannot be known here.
                raise Unavailable(PART)
            joined = False

    async def latest(self) -> int:
        return await self._reads.submit(None)

    async def refresh(self) -> None:
        """Move to the newest epoch there is. Raises Unavailable."""
        if await self.latest() != self._epoch:
            await self._advance()

    async def run_poll(self, interval: float = POLL_SECONDS, announce: Announce | None = None) -> None:
        """Refresh every `interval` seconds until cancelled, and announce the epoch reached.

        This repairs announcements that never came, and a store of them that forgot.
        """
        silent = False
        while True:
            try:
                await self.refresh()
                if announce is not None:
                    await announce(self._epoch)
                silent = False
            except Unavailable as error:
                if not silent:
                    log.warning("The policy epoch is not followed until its store answers: %s", error)
                silent = True
            await asyncio.sleep(interval)

    async def close(self) -> None:
        """Finish what is under way."""
        await self._loads.close()
        await self._reads.close()
        if self._following is not None:
            await asyncio.wait([self._following])

    def _held(self, refs: Collection[Ref]) -> dict[Ref, Fact]:
        found: dict[Ref, Fact] = {}
        for ref in refs:
            for records in (self._present, self._absent):
                if ref in records:
                    records.move_to_end(ref)
                    found[ref] = records[ref]
        return found

    async def _read_epoch(self, callers: Sequence[None]) -> Sequence[int]:
        return [await self._source.epoch()] * len(callers)

    async def _load(self, asked: Sequence[Collection[Ref]]) -> Sequence[Facts]:
        """One bulk load for everyone who waits; what an earlier load brought is not read again."""
        wanted = {ref for refs in asked for ref in refs}
        for _ in range(_LOADS_BEFORE_GIVING_UP):
            found = self._held(wanted)
            missing = wanted - found.keys()
            if not missing:
                return [found] * len(asked)
            epoch, loaded = await self._source.load(missing)
            if epoch >= self._epoch:
                return [found | self._keep(loaded)] * len(asked)
        raise Unavailable(PART)

    def _keep(self, loaded: Mapping[Ref, Fact]) -> dict[Ref, Fact]:
        kept: dict[Ref, Fact] = {}
        for ref, fact in loaded.items():
            kept[ref] = ready(fact) if isinstance(fact, Client) else fact
            # An empty tuple of delegations is an absence too.
            records, most = (self._present, self._most_present) if fact else (self._absent, self._most_absent)
            records[ref] = kept[ref]
            records.move_to_end(ref)
            if len(records) > most:
                records.popitem(last=False)
        return kept

    async def _advance(self) -> None:
        """Read the change log once, for everyone who waits; one who cancels leaves the others their answer."""
        if self._following is None:
            self._following = asyncio.create_task(self._catch_up(), context=Context())
            self._following.add_done_callback(self._followed)
        await asyncio.shield(self._following)

    async def _catch_up(self) -> None:
        changed = await self._source.changes_since(self._epoch)
        if changed.refs is None:
            self._present.clear()
            self._absent.clear()
        for ref in changed.refs or ():
            self._present.pop(ref, None)
            self._absent.pop(ref, None)
        self._epoch, self._paused_until = changed.epoch, changed.paused_until
        if changed.paused_until > self._clock():
            log.warning("No token is issued until %d, in seconds since 1970: a restore was made", changed.paused_until)

    def _followed(self, task: asyncio.Task[None]) -> None:
        self._following = None
        if not task.cancelled():
            # Seen, even if nobody waits any more.
            task.exception()
