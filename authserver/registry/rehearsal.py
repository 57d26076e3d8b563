"""A registry on which every use-case runs to its end, and nothing stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from authserver.oauth.models import Delegation, Record
from authserver.registry.ports import Actor, Change, RegistryStore


@dataclass(frozen=True, slots=True)
class Put:
    """One record as it is, None if it is new, and as it would become."""

    before: Record | None
    after: Record


class _NotKept(Exception):
    """Leaves the transaction uncommitted."""


class Rehearsal:
    """Wraps a registry so that a change is made in a transaction that is rolled back; `puts` tells what it put.

    What the use-case refuses, it refuses here too. No epoch is made and nothing is announced.
    """

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self.puts: list[Put] = []

    @property
    def store(self) -> RegistryStore:
        """The registry to run the use-case on."""
        return cast("RegistryStore", _Uncommitted(self._store, self.puts))


class _Uncommitted:
    """Everything of the registry but its commits."""

    def __init__(self, store: RegistryStore, puts: list[Put]) -> None:
        self._store = store
        self._puts = puts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def change(self, actor: Actor, now: int, reason: str = "") -> AsyncIterator[Change]:
        with suppress(_NotKept):
            async with self._store.change(actor, now, reason) as change:
                yield cast("Change", _Watched(change, self._puts))
                raise _NotKept


class _Watched:
    """A transaction that notes what is put."""

    def __init__(self, change: Change, puts: list[Put]) -> None:
        self._change = change
        self._puts = puts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def put(self, record: Record) -> None:
        before = await _present(self._change, record)
        await self._change.put(record)
        self._puts.append(Put(before, record))


async def _present(change: Change, record: Record) -> Record | None:
    if isinstance(record, Delegation):
        return await change.delegation(record.id)
    found = await change.get(record.ref)
    return None if isinstance(found, tuple) else found
