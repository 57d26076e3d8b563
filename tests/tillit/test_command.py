"""The command as a process: what it writes, and where."""

from __future__ import annotations

import os
import subprocess
import sys

from tillit.testing import Authority

# As an environment does in which structlog is installed, which writes to standard output unless told otherwise.
NOISY = """
import sys
from stamina.instrumentation import set_on_retry_hooks
set_on_retry_hooks([lambda details: print("retry scheduled")])
sys.argv = ["tillit", "token"]
from tillit.cli import main
main()
"""


def test_retries_write_nothing_among_tokens() -> None:
    """A shell that takes the token from standard output gets the token and nothing else."""
    authority = Authority()
    client = authority.add_client("x:read")
    with authority.serve(), authority.unavailable(on="token", times=1):
        done = subprocess.run(
            [sys.executable, "-c", NOISY],
            env={**os.environ, **client.environ()},
            capture_output=True,
            text=True,
            check=True,
        )
    assert authority.count("token") == 2
    (token,) = done.stdout.splitlines()
    assert token.count(".") == 2
