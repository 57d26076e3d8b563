"""The pytest plugin, in processes of its own: what it gives, and that it costs nothing to those who do not ask."""

from __future__ import annotations

import os
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


class Project:
    """A project of somebody else's, with tests to run."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.site = site

    def run(self, tests: str, *arguments: str, conftest: str = "", ini: str = "", alone: bool = False) -> str:
        """Run its tests in a process of their own, `alone` without other plugins; return what is printed."""
        (self.folder / "test_it.py").write_text(tests, encoding="utf-8")
        (self.folder / "conftest.py").write_text(conftest, encoding="utf-8")
        (self.folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n", encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(self.site), **({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if alone else {})},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path, installed: Path) -> Project:
    return Project(tmp_path, installed)


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


def test_the_fixtures_come_with_the_wheel(project: Project) -> None:
    """An installed tillit gives its fixtures to a project that does nothing for it."""
    assert "5 passed" in project.run(SAMPLE)


def test_the_fixtures_work_in_several_processes(project: Project) -> None:
    """With pytest-xdist each worker has authorities of its own."""
    assert "5 passed" in project.run(SAMPLE, "-n", "2")


QUIET = """
import sys


def test_nothing_is_imported():
    heavy = {"tillit", "jwt", "cryptography", "httpx2", "fastapi", "requests", "aiohttp"}
    assert "tillit_pytest" in sys.modules
    assert heavy & set(sys.modules) == set()
"""


def test_who_asks_for_nothing_pays_for_nothing(project: Project) -> None:
    """Without a test that uses a fixture, pytest imports the plugin alone."""
    assert "1 passed" in project.run(QUIET, "-p", "tillit_pytest", alone=True)


OWN = """
def test_the_short_name_is_the_projects(authority, token_factory):
    assert authority == "mine"
    assert token_factory("x:read").count(".") == 2


def test_the_long_name_is_ours(tillit_authority):
    assert tillit_authority.issuer == "https://authority.test/"
"""


def test_a_fixture_of_the_project_wins(project: Project) -> None:
    """A project that has a fixture called `authority` keeps it, and reaches ours by its long name."""
    conftest = "import pytest\n\n\n@pytest.fixture\ndef authority():\n    return 'mine'\n"
    assert "2 passed" in project.run(OWN, conftest=conftest)


SETTINGS = """
def test_settings(authority, token_factory):
    assert authority.profile == "maskinporten"
    assert authority.issuer == token_factory.issuer == "https://test.maskinporten.no/"
    assert token_factory.audience is None
    assert token_factory.validator().validate(token_factory("x:read")).audience == ()
"""


def test_settings_are_read_from_the_ini_file(project: Project) -> None:
    """Profile, issuer and audience of all fixtures can be set for a project."""
    ini = "tillit_profile = maskinporten\ntillit_issuer = https://test.maskinporten.no/\ntillit_audience ="
    assert "1 passed" in project.run(SETTINGS, ini=ini)


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


def test_a_real_authority_on_request(project: Project) -> None:
    """`--tillit-authority=real` runs a test against an authserver process, and skips what only a light one can."""
    printed = project.run(REAL, "--tillit-authority=real", "-rs")
    assert "2 passed, 1 skipped" in printed, printed
    assert "a clock of its own" in printed


def test_an_unknown_kind_of_authority_is_an_error(project: Project) -> None:
    """A setting that is neither light nor real fails the test that asks for an authority, and says why."""
    printed = project.run("def test_it(authority):\n    pass\n", ini="tillit_authority = heavy")
    assert "must be light or real" in printed
