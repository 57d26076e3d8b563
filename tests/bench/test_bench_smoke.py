"""The bench itself works: whoever runs it on their machine gets figures, not a fault of the harness."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.plan import ROOT

ONE_CASE = {"BENCH_ONLY": "Tillit, ES256 → ES256, SQLite", "BENCH_SECONDS": "0.5", "BENCH_RUNS": "1"}


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")
def test_the_bench_measures_a_case_and_keeps_its_figures(tmp_path: Path) -> None:
    """A run of one case on SQLite ends without an error and leaves a page, a plot and a document with its figures."""
    environ = os.environ | ONE_CASE | {"BENCH_OUT": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--json"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "performance" / "latest.json").read_text())
    assert json.loads(done.stdout) == document
    (result,) = document["results"]
    assert result["case"]["store"] == "SQLite"
    assert result["figures"]["errors"] == 0
    assert result["figures"]["runs"][0]["tokens"] > 0
    assert result["ratios"]["to_floor"] > 0
    assert "SQLite" in (tmp_path / "performance.md").read_text()
    assert "Tillit, SQLite" in (tmp_path / "performance" / "tokens.svg").read_text()
