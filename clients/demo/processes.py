"""The processes of the demonstration: each started, waited for, and stopped by us alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
_PATIENCE = 30.0
_STEP = 0.05


@contextmanager
def authority() -> Iterator[dict[str, Any]]:
    """Run `authserver demo` with the example keys; give what it says of itself, once it serves."""
    keys = HERE.parents[1] / "keys-example"
    with _running(["-m", "authserver", "demo", "--json", "--client-keys", str(keys)]) as process:
        described = _document(process)
        _wait_for(urlsplit(described["issuer"]).port or 80, process)
        yield described


@contextmanager
def api(issuer: str) -> Iterator[str]:
    """Run the demonstration API for this authority; give its address, once it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["-m", "uvicorn", "api:app", "--port", str(port), "--log-level", "error"]
    with _running(arguments, {"TILLIT_DEMO_ISSUER": issuer}) as process:
        _wait_for(port, process)
        yield f"http://localhost:{port}"


def operate(environment: Mapping[str, str], *verb: str) -> Any:
    """Run one verb of `authserver` as the operator would, and return its JSON document."""
    command = [sys.executable, "-m", "authserver", *verb, "--json"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def _running(arguments: list[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=HERE,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read one JSON document, which ends with a line that closes it."""
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if line.rstrip() == "}":
            document: dict[str, Any] = json.loads("".join(lines))
            return document
    raise SystemExit("The authority did not start; run authserver demo by itself to see why.")


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(_STEP)
        else:
            return
    raise SystemExit(f"Nothing answers on port {port}.")
