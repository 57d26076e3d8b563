"""A skipped test is a test that did not run: where the machine is complete, it fails the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.project import ROOT

SUITE = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no such machine")
def test_is_skipped():
    pass
"""


def run(folder: Path, environment: dict[str, str], *selection: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of one passing and one skipped test under the project's conftest."""
    shutil.copy(ROOT / "tests/conftest.py", folder)
    (folder / "test_suite.py").write_text(SUITE, encoding="utf-8")
    clean = {key: value for key, value in os.environ.items() if key not in {"CI", "TILLIT_CI"}}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
        *selection,
    ]
    return subprocess.run([*command, str(folder)], env=clean | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("variable", ["CI", "TILLIT_CI"])
def test_a_skipped_test_fails_the_run_in_ci(tmp_path: Path, variable: str) -> None:
    """With CI or TILLIT_CI set, a run with a skipped test fails and names the test and its reason."""
    result = run(tmp_path, {variable: "1"})
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "test_is_skipped: Skipped: no such machine" in result.stdout


def test_a_skipped_test_passes_elsewhere(tmp_path: Path) -> None:
    """On a machine that is not said to be complete, skipping is no failure."""
    assert run(tmp_path, {}).returncode == pytest.ExitCode.OK


def test_a_run_without_skips_passes_in_ci(tmp_path: Path) -> None:
    """With CI set, a run in which every test ran passes."""
    assert run(tmp_path, {"CI": "1"}, "-k", "test_runs").returncode == pytest.ExitCode.OK
