"""The command line, run in process against an authority of its own."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from authserver.cli import app

OWNER, CONSUMER, SUPPLIER = "889640782", "974761076", "958935420"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "X2B0OKv02XAWm1AaTOJfzQD1__0KmJc_eZMV8iCtsN0",
    "y": "-8X0U6iA1PTXMQqX6gVECb4hmRHawJB-pAniKFz53bU",
    "kid": "example",
}
"""The public half of the example key `supplier`."""


@dataclass(frozen=True)
class Ran:
    """What a verb printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; fails if there is anything else."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb of a fresh authority that is not yet initialised, in the test's directory."""
    return runner(tmp_path, monkeypatch)


@pytest.fixture
def authority(filled: Path, run: Run, tmp_path: Path) -> Run:
    """Run a verb of an authority with an owner, a consumer, a supplier, the prefix `nav` and the scope `nav:read`."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return run


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of that authority, and a public key, to be copied."""
    directory = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        run = runner(directory, patch)
        done(run("init"))
        for orgno, name in ((OWNER, "Owner"), (CONSUMER, "Consumer"), (SUPPLIER, "Supplier")):
            done(run("org", "add", orgno, name))
        done(run("prefix", "add", "nav", OWNER))
        done(run("scope", "add", "nav:read", "--delegable"))
    (directory / "key.json").write_text(json.dumps(KEY))
    return directory


def runner(directory: Path, patch: pytest.MonkeyPatch) -> Run:
    """Make what runs verbs in this directory, with the default settings."""
    for name in [name for name in os.environ if name.startswith("AUTHSERVER_")]:
        patch.delenv(name)
    patch.chdir(directory)

    def run(*words: str) -> Ran:
        result = CliRunner().invoke(app, list(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


def done(ran: Ran) -> Ran:
    """Return what ran, having made sure that it went well."""
    assert ran.code == 0, ran
    return ran


def refused(ran: Ran) -> str:
    """Return the sentence of a refusal, having made sure that it was one: exit 1, one sentence on stderr, no more."""
    assert (ran.code, ran.out) == (1, ""), ran
    assert len(ran.err.splitlines()) == 1, ran
    assert "Traceback" not in ran.err
    return ran.err.strip()
