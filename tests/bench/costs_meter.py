"""Counters of every part of a running authority, read before and after a load."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, fields

from tests.bench.processes import cpu_seconds, resident_bytes
from tests.bench.subject import Subject
from tests.support.servers import PostgresServer, ValkeyServer

_DATABASE = "bench"
_TABLES = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_COMMITS = f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{_DATABASE}'"  # noqa: S608 - a constant
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
# The reader's own questions, which no token asks.
_OWN_COMMANDS = frozenset({"info", "hello", "client", "command"})


@dataclass(frozen=True, slots=True)
class Reading:
    """Sums since the start: processor seconds, bytes, calls. `postgresql_traffic` is 0 where it cannot be read."""

    server_cpu: float
    postgresql_cpu: float
    valkey_cpu: float
    wal_bytes: float
    table_bytes: float
    decisions: float
    commits: float
    valkey_commands: float
    valkey_reads: float
    valkey_memory: float
    valkey_traffic: float
    postgresql_traffic: float

    def since(self, before: Reading) -> Reading:
        """What was added since `before`."""
        return Reading(*(getattr(self, name) - getattr(before, name) for name in _names()))

    def each(self, count: int) -> Reading:
        """The share of one of `count`."""
        return Reading(*(getattr(self, name) / count for name in _names()))


def _names() -> list[str]:
    return [field.name for field in fields(Reading)]


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the counters of a node, its PostgreSQL and its Valkey."""

    subject: Subject
    database: PostgresServer
    memory: ValkeyServer

    def read(self) -> Reading:
        """Every counter now."""
        info = self.memory.cli("INFO", "all")
        calls = re.findall(r"^cmdstat_([\w|]+):calls=(\d+)", info, re.MULTILINE)
        return Reading(
            server_cpu=cpu_seconds([self.subject.pid]),
            postgresql_cpu=cpu_seconds([self.database.pid]),
            valkey_cpu=cpu_seconds([self.memory.pid]),
            wal_bytes=float(self.database.sql(_WAL)),
            table_bytes=float(self.database.sql(_TABLES, _DATABASE)),
            decisions=float(self.database.sql("SELECT count(*) FROM decisions", _DATABASE)),
            commits=float(self.database.sql(_COMMITS)),
            valkey_commands=sum(int(count) for name, count in calls if name.partition("|")[0] not in _OWN_COMMANDS),
            valkey_reads=_number(info, "total_reads_processed"),
            valkey_memory=_number(info, "used_memory"),
            valkey_traffic=_number(info, "total_net_input_bytes") + _number(info, "total_net_output_bytes"),
            postgresql_traffic=_traffic(self.database.port),
        )

    def remembered_seconds(self) -> float:
        """For how long, on average, Valkey will go on remembering what it remembers now."""
        found = re.search(r"avg_ttl=(\d+)", self.memory.cli("INFO", "keyspace"))
        return int(found[1]) / 1000 if found else 0.0

    def resident_mib(self) -> float:
        """Resident memory of the node."""
        return resident_bytes([self.subject.pid]) / 2**20


def _number(info: str, name: str) -> float:
    found = re.search(rf"^{name}:(\d+)", info, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Valkey does not tell its {name}")
    return float(found[1])


def _traffic(port: int) -> float:
    """Bytes both ways over the connections that are open at `port`, as the kernel counts them."""
    program = shutil.which("ss")
    if program is None:
        return 0.0
    command = [program, "-tinHO", "state", "established", f"( sport = :{port} )"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(sum(int(count) for count in re.findall(r"bytes_(?:acked|received):(\d+)", told)))
