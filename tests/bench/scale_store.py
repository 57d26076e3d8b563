"""What the registry itself costs at each size: pages of its lists, a revocation, and a snapshot that fills up."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from authserver.oauth.models import Ref
from authserver.registry import access, delegations
from authserver.registry.ports import Actor
from authserver.services.stores import open_at_rest
from authserver.settings import PREFIX, from_environment
from authserver.storage import schema
from authserver.storage.database import Database, open_database
from authserver.storage.reading import mappings
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.snapshot import PRESENT_RECORDS, Snapshot
from tests.bench import scale_registry
from tests.bench.plan import ROOT
from tests.bench.processes import resident_bytes
from tests.bench.scale_registry import GREAT_SUPPLIERS, MADE_AT, ORGANISATIONS
from tests.bench.scale_serving import Series, Sized

PAGE = 100
_TIMES = 20
_REVOCATIONS = 10
_SEED = 10_000
_TOUCHED_AT_ONCE = 500
# Prime to every number of clients, so that steps of it meet each client once.
_STRIDE = 1_000_003
_OPERATOR = Actor("operator")

Question = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Open:
    """An open registry, and numbers drawn for it."""

    sized: Sized
    database: Database
    store: SqlRegistryStore
    random: random.Random

    def organisation(self) -> str:
        """Any organisation but the suppliers for everyone."""
        last = self.sized.registry.sectors * ORGANISATIONS - 1
        return scale_registry.organisation(self.random.randint(GREAT_SUPPLIERS, last))

    def sector(self) -> int:
        """Any sector."""
        return self.random.randrange(self.sized.registry.sectors)


async def ask_lists(every: Sequence[Sized], found: list[Series]) -> None:
    """Time each list some times at each size, in turns; the first time, which warms caches, is not noted."""
    async with _opened(every) as opened:
        for name in _questions(opened[0]):
            for turn in range(_TIMES + 1):
                for registry, series in zip(opened, found, strict=True):
                    took = await _milliseconds(_questions(registry)[name])
                    if turn:
                        series[f"list: {name}"].append(took)


async def revoke(every: Sequence[Sized], found: list[Series]) -> None:
    """Time the revocation of an access and of a delegation, until every node has heard of it, in turns."""
    async with _opened(every) as opened:
        for turn in range(_REVOCATIONS):
            for registry, series in zip(opened, found, strict=True):
                series["revoke an access"].append(await _milliseconds(partial(_revoke_access, registry)))
                series["revoke a delegation"].append(await _milliseconds(partial(_revoke_delegation, registry, turn)))


def _questions(registry: _Open) -> dict[str, Question]:
    """The lists that people and programs ask for; a page begins after a key drawn anew each time."""
    store, database = registry.store, registry.database
    drawn = registry.random.randrange(registry.sized.registry.clients)
    consumer = {"consumer_orgno": registry.organisation()}
    great = {"supplier_orgno": scale_registry.organisation(registry.random.randrange(GREAT_SUPPLIERS))}
    after = scale_registry.delegation_id(GREAT_SUPPLIERS + drawn // 10, 0)
    return {
        "organisations, a page": lambda: _page(database, schema.organisations, registry.organisation()),
        "clients, a page": lambda: _page(database, schema.clients, scale_registry.client_id(drawn)),
        "scopes, a page": lambda: _page(database, schema.scopes, f"sector{registry.sector()}"),
        "delegations, a page": lambda: _page(database, schema.delegations, after),
        "delegations to the supplier of everyone, a page": lambda: _page(database, schema.delegations, after, **great),
        "delegations of a consumer": lambda: store.delegations(**consumer),
        "clients of an organisation": lambda: store.clients(registry.organisation()),
        "scopes of a prefix": lambda: store.scopes(f"sector{registry.sector()}"),
        "access to a scope": lambda: store.accesses(scale_registry.asked_scope(drawn)),
        "access of a consumer": lambda: store.accesses(**consumer),
    }


async def _page(database: Database, table: Table, after: str, **where: str) -> int:
    """A page of a list by key, with what stands in tables of its own: keys and scopes."""
    (key,) = table.primary_key.columns
    chosen: list[ColumnElement[bool]] = [key > after, *(table.c[name] == value for name, value in where.items())]
    query: Select[Any] = select(table).where(*chosen).order_by(key).limit(PAGE)
    parts = {"clients": (schema.client_scopes, schema.client_keys), "delegations": (schema.delegation_scopes,)}
    async with database.read() as connection:
        found = [row[key.name] for row in await mappings(connection, query)]
        for part in parts.get(table.name, ()):
            of = next(column for column in part.primary_key.columns)
            await mappings(connection, select(part).where(of.in_(found)))
    return len(found)


async def _revoke_access(at: _Open) -> None:
    number = at.random.randrange(at.sized.registry.clients)
    scope, consumer = scale_registry.asked_scope(number), scale_registry.owner_of(number)
    await access.revoke(at.store, _OPERATOR, MADE_AT, scope=scope, consumer_orgno=consumer)


async def _revoke_delegation(at: _Open, turn: int) -> None:
    consumer = at.random.randrange(at.sized.registry.sectors * ORGANISATIONS)
    found = scale_registry.delegation_id(consumer, turn)
    await delegations.revoke(at.store, _OPERATOR, MADE_AT, delegation_id=found)


async def _milliseconds(question: Question) -> float:
    began = time.perf_counter()
    await question()
    return 1000 * (time.perf_counter() - began)


@asynccontextmanager
async def _opened(every: Sequence[Sized]) -> AsyncIterator[list[_Open]]:
    async with AsyncExitStack() as stack:
        opened = []
        for sized in every:
            environ = {name: value for name, value in sized.authority.environ().items() if name.startswith(PREFIX)}
            parts = await stack.enter_async_context(open_at_rest(from_environment(environ)))
            opened.append(_Open(sized, parts.database, parts.store, random.Random(_SEED)))
        yield opened


def fill_snapshot(dsn: str, clients: int) -> list[dict[str, float]]:
    """Fill a snapshot in a process of its own with ever more clients; return what it held and took at each step."""
    command = [sys.executable, "-m", "tests.bench.scale_store", dsn, str(clients)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    steps: list[dict[str, float]] = json.loads(done.stdout)
    return steps


async def _fill_snapshot(dsn: str, clients: int) -> list[dict[str, float]]:
    """Touch clients in a scattered order, each with its organisation and its access, as its token request would."""
    database = open_database(dsn)
    snapshot = Snapshot(SqlRegistryStore(database), lambda: MADE_AT)
    numbers = range(clients)
    try:
        await snapshot.refresh()
        marks = {0, *(share * PRESENT_RECORDS // 8 for share in range(1, 13)), clients}
        steps = []
        for start in range(0, min(clients, max(marks)) + 1, _TOUCHED_AT_ONCE):
            if any(start <= mark < start + _TOUCHED_AT_ONCE for mark in marks):
                held = {
                    "clients": start,
                    "records": len(snapshot),
                    "resident_mib": resident_bytes([os.getpid()]) / 2**20,
                }
                steps.append(held)
            await snapshot.facts(_refs(n * _STRIDE % clients for n in numbers[start : start + _TOUCHED_AT_ONCE]))
        return steps
    finally:
        await snapshot.close()
        await database.close()


def _refs(numbers: Any) -> set[Ref]:
    found: set[Ref] = set()
    for number in numbers:
        scope, owner = scale_registry.asked_scope(number), scale_registry.owner_of(number)
        found |= {Ref("client", scale_registry.client_id(number)), Ref("organisation", owner)}
        found |= {Ref("scope", scope), Ref("access", scope, owner)}
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_fill_snapshot(sys.argv[1], int(sys.argv[2])))))
