"""What is installed is what was reviewed: every package pinned, hashed, and above the versions with known holes."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.house.project import ROOT, files, name, pyproject

LOCKS = ("requirements/runtime.txt", "requirements/dev.txt", "requirements/bench.txt")

# The first version without a published hole that would reach us.
FLOORS = {
    "authlib": "1.9.0",
    "cryptography": "48",
    "h11": "0.16.0",
    "joserfc": "1.7.6",
    "pyjwt": "2.15.0",
    "starlette": "1.3.0",
}


def locked(lock: str) -> dict[str, str]:
    """Return each package of a lock with the text of its entry."""
    body = re.sub(r"^\s*#.*$", "", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = re.split(r"\n(?=\S)", body.strip())
    return {entry.partition("==")[0].partition("[")[0]: entry for entry in entries}


def version(entry: str) -> Version:
    """Return the version that an entry of a lock pins."""
    return Version(re.split(r"[\s;\\]", entry.partition("==")[2].strip(), maxsplit=1)[0])


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(lock: str) -> None:
    """An entry of a lock is one version and at least one SHA-256 hash."""
    entries = locked(lock)
    assert entries
    assert [package for package, entry in entries.items() if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_where_to_download(lock: str) -> None:
    """A lock holds no address, no index option and no direct reference."""
    body = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://.*|--(?:extra-)?index-url.*|--find-links.*|^\S+ @ .*", body, re.MULTILINE) == []


def test_no_npm_lock_says_where_to_download() -> None:
    """An npm lock records versions and integrity, not addresses."""
    locks = [path for path in files() if path.name == "package-lock.json"]
    assert [name(path) for path in locks if '"resolved": "http' in path.read_text(encoding="utf-8")] == []


def test_the_locks_fulfil_what_the_project_declares() -> None:
    """Every declared dependency is locked, in a version that its declaration allows."""
    entries = locked("requirements/runtime.txt")
    declared = [Requirement(line) for line in pyproject()["project"]["dependencies"]]
    wrong = [
        str(requirement)
        for requirement in declared
        if requirement.name not in entries or version(entries[requirement.name]) not in requirement.specifier
    ]
    assert wrong == []


def test_both_locks_pin_the_same_versions() -> None:
    """What is tested is what is run: the development lock repeats the versions of the runtime lock."""
    runtime, dev = locked("requirements/runtime.txt"), locked("requirements/dev.txt")
    assert {p: version(e) for p, e in runtime.items()} == {p: version(dev[p]) for p in runtime if p in dev}


def test_no_locked_package_has_a_known_hole() -> None:
    """Packages with published advisories are locked at or above the version that mends them."""
    entries = locked("requirements/dev.txt")
    assert {p: floor for p, floor in FLOORS.items() if version(entries[p]) < Version(floor)} == {}
