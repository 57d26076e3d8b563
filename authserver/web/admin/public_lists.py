"""The lists that anyone may read, kept in memory while nothing changes, so that asking costs little (P8)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from authserver.oauth.models import Prefix, Ref, Scope
from authserver.registry import published
from authserver.registry.published import Published, Wanted
from authserver.web.admin.documents import names_of
from authserver.web.admin.ports import Parts
from authserver.web.admin.scope_models import prefix as shown_prefix
from authserver.web.admin.scope_models import scope as shown_scope

ANSWERS_KEPT: Final = 64
_WRITTEN_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it is sent, and the entity tag of exactly these bytes."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _State:
    """What was public at an epoch or later, each record written once."""

    epoch: int
    found: Published
    written: Mapping[Ref, bytes]


class PublicLists:
    """Reads what is public once for each policy epoch, whoever asks, and keeps a bounded number of whole answers.

    Every list is at least as new as the epoch that was the newest when it was asked for.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._state: _State | None = None
        self._answers: OrderedDict[Hashable, Listed] = OrderedDict()
        self._loading = asyncio.Lock()

    async def scopes(self, wanted: Wanted) -> Listed:
        """Public scopes. Raises Unavailable."""
        return await self._listed(("scopes", wanted), lambda found: found.wanted_scopes(wanted))

    async def prefixes(self, *, inactive: bool) -> Listed:
        """All prefixes and whose they are. Raises Unavailable."""
        return await self._listed(("prefixes", inactive), lambda found: found.wanted_prefixes(inactive=inactive))

    async def _listed(self, key: Hashable, choose: Callable[[Published], Sequence[Scope] | Sequence[Prefix]]) -> Listed:
        state = await self._current()
        listed = self._answers.get(key)
        if listed is None:
            listed = _sent(state.written[record.ref] for record in choose(state.found))
            self._answers[key] = listed
        self._answers.move_to_end(key)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return listed

    async def _current(self) -> _State:
        epoch = await self._parts.registry.latest()
        async with self._loading:
            if self._state is None or self._state.epoch < epoch:
                state = _State(epoch, *await self._read())
                self._answers.clear()
                self._state = state
            return self._state

    async def _read(self) -> tuple[Published, Mapping[Ref, bytes]]:
        found = await published.read(self._parts.open_store())
        scopes = [scope for some in found.scopes.values() for scope in some]
        records: list[Scope | Prefix] = [*scopes, *found.prefixes]
        times = await self._parts.times.of([record.ref for record in records])
        names = await names_of(self._parts, (prefix.owner_orgno for prefix in found.prefixes))
        written: dict[Ref, bytes] = {}
        for record in records:
            model = shown_scope(record, times) if isinstance(record, Scope) else shown_prefix(record, names, times)
            written[record.ref] = model.model_dump_json(by_alias=True).encode("utf-8")
            if len(written) % _WRITTEN_AT_ONCE == 0:
                # Others are to be answered meanwhile, however much is public.
                await asyncio.sleep(0)
        return found, written


def _sent(written: Iterable[bytes]) -> Listed:
    body = b"[" + b",".join(written) + b"]"
    return Listed(body, f'"{sha256(body).hexdigest()[:32]}"')
