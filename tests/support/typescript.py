"""The TypeScript client, compiled once for all test processes, and Node to run it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

FOLDER = Path(__file__).parents[2] / "clients/typescript"
_TSC = "node_modules/typescript/bin/tsc"
_SECONDS = 120


def build() -> None:
    """Check and compile the client, unless that was done since its sources changed. A fault of its types fails here.

    One test process at a time, and not again without need: others may be running what is there.
    """
    stamp = FOLDER / "dist/.built"
    sources = [FOLDER / "tsconfig.json", FOLDER / "package-lock.json", *FOLDER.glob("src/**/*"), *FOLDER.glob("test/*")]
    with FileLock(FOLDER / "node_modules/.build.lock"):
        newest = max(source.stat().st_mtime for source in sources)
        if stamp.exists() and stamp.stat().st_mtime >= newest:
            return
        stamp.unlink(missing_ok=True)
        compile_project(".")
        stamp.touch()


def compile_project(path: str) -> None:
    """Check and compile the project at this path in the client's folder."""
    node(_TSC, "--project", path)


def node(*command: str, told: str = "", environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Node in the client's folder; a program that fails fails the test."""
    done = subprocess.run(
        ["node", *command],
        cwd=FOLDER,
        env={**os.environ, **(environ or {})},
        input=told,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
