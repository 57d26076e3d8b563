"""A registry that a use-case may change only while one record is still what the caller saw (RFC 9110 §13.1.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from authserver.oauth.models import Record
from authserver.registry.members import fingerprint
from authserver.registry.ports import Actor, Change, RegistryStore

Seen = Callable[[Change], Awaitable[Record]]
"""Reads, within the transaction, the record that the caller saw, with the rights of the caller."""


class ChangedMeanwhileError(Exception):
    """The record is no longer what the caller saw."""


def guarded(store: RegistryStore, seen: Seen, tags: frozenset[str]) -> RegistryStore:
    """Wrap a registry so that its change begins by comparing the fingerprint of a record with those the caller gave.

    A change raises ChangedMeanwhileError if it is none of them, and whatever `seen` raises. The comparison and the
    change are one transaction: of two callers who saw the same, one succeeds.
    """
    return cast("RegistryStore", _Guarded(store, seen, tags))


class _Guarded:
    def __init__(self, store: RegistryStore, seen: Seen, tags: frozenset[str]) -> None:
        self._store = store
        self._seen = seen
        self._tags = tags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def change(self, actor: Actor, now: int, reason: str = "") -> AsyncIterator[Change]:
        async with self._store.change(actor, now, reason) as change:
            if fingerprint(await self._seen(change)) not in self._tags:
                raise ChangedMeanwhileError
            yield change
