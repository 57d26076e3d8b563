"""The databases of the cases: started from their wheels, on the cores that the server under test leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.plan import POSTGRESQL, POSTGRESQL_VALKEY, SQLITE, VALKEY
from tests.bench.subject import Store
from tests.support.servers import PostgresServer, ValkeyServer, postgres, valkey

_DATABASE = "bench"
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'"


@contextmanager
def open_store(kind: str, directory: Path) -> Iterator[Store]:
    """Run the store of this kind; `directory` holds a SQLite file."""
    with ExitStack() as stack:
        if kind == SQLITE:
            yield Store({"DATABASE_URL": f"sqlite+aiosqlite:///{directory / 'authserver.db'}"})
        elif kind == POSTGRESQL:
            yield _postgresql(stack.enter_context(postgres()))
        elif kind == POSTGRESQL_VALKEY:
            yield _both(stack.enter_context(postgres()), stack.enter_context(valkey()))
        elif kind == VALKEY:
            yield _valkey(stack.enter_context(valkey()))
        else:
            yield Store()


def _postgresql(server: PostgresServer) -> Store:
    url = server.create_database(_DATABASE)
    return Store({"DATABASE_URL": url}, [server.pid], lambda: {"commits": int(server.sql(_COMMITS))})


def _valkey(server: ValkeyServer) -> Store:
    def counters() -> dict[str, int]:
        found = re.search(r"^total_reads_processed:(\d+)", server.cli("INFO", "stats"), re.MULTILINE)
        return {"valkey_reads": int(found[1]) if found else 0}

    return Store({"REDIS_URL": server.url}, [server.pid], counters)


def _both(database: PostgresServer, memory: ValkeyServer) -> Store:
    one, other = _postgresql(database), _valkey(memory)
    return Store(one.environ | other.environ, [*one.pids, *other.pids], lambda: one.counters() | other.counters())
