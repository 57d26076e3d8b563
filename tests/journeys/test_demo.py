"""The demonstration, as `make demo ONCE=1` runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tour_shows_every_station_and_ends_well() -> None:
    """The tour gets tokens, calls the API, is refused, rotates a key and revokes, and fails if one of them does not."""
    told = subprocess.run(
        [sys.executable, "clients/demo/tour.py", "--once"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "65 scopes" in told.stdout
    for word in ("MP-250", "MP-200", "MP-251", "That is the new key, as the operator was told.", '"supplier"'):
        assert word in told.stdout
    assert "\x1b" not in told.stdout
