"""The pytest plugin, in processes of its own: what it gives, and that it costs nothing to those who do not ask."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.project import ROOT

PYTHON = ROOT / "clients/python"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of tillit, built and laid out as an installer does."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PYTHON, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(folder: Path, site: Path, *arguments: str, ini: str = "", alone: bool = False) -> str:
    """Run the tests of a folder in a process of their own, `alone` without other plugins; return what is printed."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    quiet = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if alone else {}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(site), **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


SAMPLE = """
import pytest
from typing import Annotated

from fastapi import FastAPI, Security
from fastapi.testclient import TestClient
from tillit import AccessToken, AllOf, Rejected
from tillit.fastapi import AuthorityBearer


def make_app(validator):
    auth, app = AuthorityBearer(validator), FastAPI()

    @app.get("/things")
    def things(token: Annotated[AccessToken, Security(auth, scopes=["x:read"])]) -> dict[str, str]:
        return {"consumer": token.consumer.number}

    return app


def test_an_api(token_factory, validator_under_test):
    api = TestClient(make_app(validator_under_test))
    answer = api.get("/things", headers=token_factory.authorization("x:read", consumer="310000019"))
    assert answer.json() == {"consumer": "310000019"}
    assert api.get("/things").status_code == 401
    for wrong in token_factory.wrong("x:read"):
        assert api.get("/things", headers=wrong.headers).status_code == wrong.status, wrong


def test_a_client(authority, manual_clock):
    tokens = authority.add_client("x:read").token_client()
    first = tokens.get()
    assert tokens.get() is first
    manual_clock.advance(600)
    assert tokens.get().value != first.value
    with authority.refusing("MP-250", "x:read"), pytest.raises(Rejected):
        tokens.get(force=True)


def test_each_test_has_an_authority_of_its_own(authority):
    assert authority.registry.clients == {}
    assert authority.clock.time() > 1_700_000_000


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_asynchronous_client(authority):
    assert (await authority.add_client("x:read").async_token_client().get()).scopes == ("x:read",)


def test_both_sides_share_keys(token_factory, authority):
    validator = authority.validator(token_factory.audience)
    assert validator.validate(token_factory("x:read"), AllOf("x:read")).client_id == "client-1"
"""


QUIET = """
import sys


def test_nothing_is_imported():
    heavy = {"tillit", "jwt", "cryptography", "httpx2", "fastapi", "requests", "aiohttp"}
    assert "tillit_pytest" in sys.modules
    assert heavy & set(sys.modules) == set()
"""


OWN = """
def test_the_short_name_is_the_projects(authority, token_factory):
    assert authority == "mine"
    assert token_factory("x:read").count(".") == 2


def test_the_long_name_is_ours(tillit_authority):
    assert tillit_authority.issuer == "https://authority.test/"
"""


SETTINGS = """
def test_settings(light_authority, token_factory):
    assert light_authority.profile == "maskinporten"
    assert light_authority.issuer == token_factory.issuer == "https://test.maskinporten.no/"
    assert token_factory.audience is None
    assert token_factory.validator().validate(token_factory("x:read")).audience == ()


def test_the_kind(authority):
    raise AssertionError("there is no such authority")
"""


REAL = """
from tillit import AllOf


def test_the_same_against_a_real_one(authority):
    authority.add_scope("x:read", owner="310000019", audience="https://api.example.no/", for_all=True)
    token = authority.add_client("x:read", org="310000019", granted=False).token_client().get()
    assert authority.validator("https://api.example.no/").validate(token.value, AllOf("x:read"))
    assert authority.real


def test_a_clock_of_ours(authority, manual_clock):
    raise AssertionError("a real authority does not go by it")


def test_troubles(light_authority, manual_clock):
    with light_authority.latency(3):
        assert light_authority.add_client("x:read").token_client().get().age() == 3
"""


def pages() -> list[str]:
    """The Python of the guide, and the tests of the README."""
    found = [
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for page in (ROOT / "docs/how-to/test-without-a-network.md", PYTHON / "README.md")
    ]
    return [*found[0], *(block for block in found[1] if "def test_" in block)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> str:
    """What a project's tests print that uses the fixtures in several ways, run by two workers of pytest-xdist."""
    folder = tmp_path_factory.mktemp("project")
    write(folder / "test_sample.py", SAMPLE)
    write(folder / "test_pages.py", "\n\n".join(pages()))
    write(folder / "own/test_own.py", OWN)
    write(folder / "own/conftest.py", "import pytest\n\n\n@pytest.fixture\ndef authority():\n    return 'mine'\n")
    return run(folder, installed, "-n", "2")


def passed(report: str, file: str) -> int:
    return len(re.findall(rf"^PASSED {re.escape(file)}::", report, re.MULTILINE))


def test_the_fixtures_come_with_the_wheel(report: str) -> None:
    """An installed tillit gives its fixtures to a project that does nothing for it, in each worker of pytest-xdist."""
    assert passed(report, "test_sample.py") == 5, report


def test_a_fixture_of_the_project_wins(report: str) -> None:
    """A project that has a fixture called `authority` keeps it, and reaches ours by its long name."""
    assert passed(report, "own/test_own.py") == 2, report


def test_the_guide_and_the_readme_run_as_they_are_written(report: str) -> None:
    """The Python of the guide and the tests of the README, top to bottom, are tests that pass without a network."""
    assert passed(report, "test_pages.py") == 9, report
    assert len(re.findall(r"^def test_", "".join(pages()), re.MULTILINE)) == 9


def test_who_asks_for_nothing_pays_for_nothing(tmp_path: Path, installed: Path) -> None:
    """Without a test that uses a fixture, pytest imports the plugin alone."""
    write(tmp_path / "test_quiet.py", QUIET)
    assert "1 passed" in run(tmp_path, installed, "-p", "tillit_pytest", alone=True)


def test_settings_are_read_from_the_ini_file(tmp_path: Path, installed: Path) -> None:
    """Profile, issuer and audience of all fixtures can be set, and a kind of authority that there is not is told."""
    write(tmp_path / "test_settings.py", SETTINGS)
    values = "tillit_profile = maskinporten\ntillit_issuer = https://test.maskinporten.no/\ntillit_audience ="
    printed = run(tmp_path, installed, ini=f"{values}\ntillit_authority = heavy")
    assert "1 passed, 1 error" in printed, printed
    assert "must be light or real" in printed


def test_a_real_authority_on_request(tmp_path: Path, installed: Path) -> None:
    """`--tillit-authority=real` runs a test against an authserver process, and skips what only a light one can."""
    write(tmp_path / "test_real.py", REAL)
    printed = run(tmp_path, installed, "--tillit-authority=real")
    assert "2 passed, 1 skipped" in printed, printed
    assert "a clock of its own" in printed
