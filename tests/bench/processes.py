"""Processes under test: pinned to cores, started, waited for, and what they cost according to the kernel."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 15

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
_ROOT = Path(__file__).parents[2]


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run this thread, and whatever it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], port: int, log: Path, cores: frozenset[int]
) -> Iterator[int]:
    """Run a server on these cores and yield its process id once it accepts connections on `port`.

    Raises RuntimeError with the end of its log when it does not.
    """
    with log.open("wb") as output, pinned(cores):
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output, cwd=_ROOT)
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{tail(log)}")


def tail(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-3000:]


def cpu_seconds(roots: Sequence[int]) -> float:
    """Processor time so far of these processes, their living descendants, and the dead ones they waited for."""
    ticks = 0
    for pid in _family(roots):
        ticks += sum(int(field) for field in _stat(pid)[11:15])
    return ticks / _TICKS


def resident_bytes(roots: Sequence[int]) -> int:
    """Resident memory of these processes and their descendants; a page shared by two counts twice."""
    return sum(int(fields[21]) for pid in _family(roots) if (fields := _stat(pid))) * _PAGE


def _family(roots: Sequence[int]) -> set[int]:
    # A process that ended since it was listed has nothing to say.
    parents = {pid: int(fields[1]) for pid in _pids() if (fields := _stat(pid))}
    family = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family & parents.keys()


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit() and _stat(int(entry.name))]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc(5) field 3), none for a process that is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []
