"""The bench of the libraries works: what it measures agrees with itself, and its page is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.plan import ROOT
from tests.bench.validation import make_task, validators

SHORT = {"BENCH_SECONDS": "0.01", "BENCH_RUNS": "1"}


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_every_validator_sees_to_the_same(alg: str) -> None:
    """Each validator that is measured accepts the good tokens and refuses every wrong one."""
    assert {"tillit", "PyJWT", "joserfc", "Authlib"} <= validators(make_task(alg)).keys()


@pytest.mark.skipif(sys.platform != "linux", reason="the bench pins itself to a core")
def test_the_bench_of_the_libraries_leaves_a_page(tmp_path: Path) -> None:
    """A short run ends without an error and leaves a page, and a document with a cost for every contestant."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.libraries", "--json"],
        cwd=ROOT,
        env=os.environ | SHORT | {"BENCH_OUT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "performance" / "libraries.json").read_text())
    assert json.loads(done.stdout) == document
    assert set(document["validation"]) == {"RS256", "ES256"}
    costs = [one["costs"] for one in (*document["validation"].values(), document["hits"])]
    assert all(cost["microseconds"] > 0 for by_name in costs for cost in by_name.values())
    assert {"tillit, by scope", "Authlib", "google-auth"} <= document["hits"]["costs"].keys()
    assert "tillit, token seen before" in (tmp_path / "performance-libraries.md").read_text()
