"""`python -m tests.bench.flame`: where a node spends its time, as a flame graph in `performance/flame.svg`.

One worker at full load, RS256 → ES256, PostgreSQL and Valkey, sampled by py-spy from outside: Python frames only, and
only of threads that run. `BENCH_SECONDS` (20), `BENCH_OUT=folder`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.assertions import Signers
from tests.bench.authority import set_up
from tests.bench.load import drive
from tests.bench.plan import EXPLANATION, OURS, POSTGRESQL_VALKEY, ROOT, STANDARD_RSA, Case, cores, other_cores
from tests.bench.processes import pinned
from tests.bench.stores import open_store
from tests.bench.subject import Subject

_CASE = Case(OURS, *STANDARD_RSA, POSTGRESQL_VALKEY)
_TITLE = f"One node at full load: {_CASE.algorithms}, {_CASE.store}"
_SECONDS, _CONNECTIONS = 20.0, 16
_SAMPLES_PER_SECOND = 200
_SURPLUS = 1.5
_PATIENCE_SECONDS = 60


def main() -> int:
    """Record and write the graph. Return 0, or 1 if py-spy is absent or could not look into the node."""
    program = shutil.which("py-spy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        sys.stderr.write("py-spy is absent: make .venv/bench installs it\n")
        return 1
    seconds = float(os.environ.get("BENCH_SECONDS", _SECONDS))
    graph = Path(os.environ.get("BENCH_OUT") or EXPLANATION) / "performance" / "flame.svg"
    graph.parent.mkdir(parents=True, exist_ok=True)
    signers = Signers()
    try:
        with tempfile.TemporaryDirectory(prefix="tillit-flame-") as folder, pinned(other_cores(_CASE, cores())):
            directory = Path(folder)
            with open_store(_CASE.store, directory) as store:
                authority = set_up(directory, store, [_CASE])
                with authority.serving(_CASE) as subject:
                    refused = _record(program, subject, signers, seconds, graph)
    finally:
        signers.close()
    if refused:
        sys.stderr.write(f"py-spy: {refused}\n")
        return 1
    _make_neutral(graph)
    sys.stdout.write(f"Written: {graph}\n")
    return 0


def _record(program: str, subject: Subject, signers: Signers, seconds: float, graph: Path) -> str:
    """Sample the node while it is loaded for longer than that; return what py-spy says if it fails."""
    warm = drive(subject.port, signers.requests(subject.order, 500), _CONNECTIONS, seconds)
    loaded = seconds + 2
    requests = signers.requests(subject.order, int(warm.rate * 2 * _SURPLUS * loaded))
    settings = ["--duration", f"{seconds:.0f}", "--rate", str(_SAMPLES_PER_SECOND), "--format", "flamegraph"]
    command = [program, "record", "--nonblocking", "--output", str(graph), *settings]
    with _started([*command, "--pid", str(subject.pid)]) as recorder:
        drive(subject.port, requests, _CONNECTIONS, loaded)
        told = recorder.communicate(timeout=_PATIENCE_SECONDS)[0]
    return "" if recorder.returncode == 0 and graph.exists() else told.strip()[-500:]


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE_SECONDS)


def _make_neutral(graph: Path) -> None:
    """Give the graph a title in place of the command that made it, and take this machine's folders out of it."""
    text = re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\g<1>{_TITLE}", graph.read_text(encoding="utf-8"))
    for folder in (sys.prefix, sys.base_prefix, str(ROOT)):
        text = text.replace(f"{folder}/", "")
    graph.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
