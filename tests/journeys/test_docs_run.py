"""What the tutorial and the how-to guides tell a reader to do works as they say, and prints what they show."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.journeys.pages import Broken, Terminal, blocks, follow, matches, terminal
from tests.support.servers import PostgresServer, free_port, postgres

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial/first-token.md"
GUIDES = (
    "call-an-api",
    "register-a-client",
    "open-an-api-with-scopes",
    "delegate-to-a-supplier",
    "protect-an-api-with-fastapi",
    "protect-an-api-behind-a-proxy",
    "check-a-client-with-doctor",
    "run-the-sidecar",
    "put-an-api-through-the-gym",
    "use-your-own-key-store",
    "run-on-postgresql",
    "share-tokens-between-processes",
    "bind-tokens-to-a-key",
)
# Pages whose commands need more than one machine's authority, and the tests that do what they tell.
ELSEWHERE = {
    "back-up-and-restore": "tests/cli/test_effect.py",
    **{
        f"protect-an-api-with-{name}": "tests/tillit/adapters/test_guides.py"
        for name in ("starlette", "django", "flask", "grpc")
    },
    "be-told-of-changes": "tests/compat/test_docs_blocks.py",
    "deploy-on-kubernetes": "tests/journeys/test_helm_rendered.py",
    "deploy-with-compose": "tests/journeys/test_compose_processes.py",
    "migrate-to-tillit": "tests/compat/test_docs_blocks.py",
    "prove-a-delegation": "tests/compat/test_docs_blocks.py",
    "rotate-the-signing-keys": "tests/keys/test_life.py",
    "test-without-a-network": "tests/tillit/test_pytest_plugin.py",
    "upgrade": "tests/contract/test_upgrade.py",
    "use-an-outside-register": "tests/journeys/test_outside_register.py",
    "use-authlib-as-client": "tests/compat/test_authlib_clients.py",
    "use-typescript": "tests/compat/test_typescript_pages.py",
    "use-existing-maskinporten-clients": "tests/compat/test_docs_blocks.py",
}


@pytest.fixture(scope="module")
def here() -> Mapping[str, str]:
    """Ports of this machine for those that the pages name."""
    return {port: str(free_port()) for port in ("8080", "8081", "9000", "7164")}


@pytest.fixture(scope="module")
def environment(here: Mapping[str, str]) -> Mapping[str, str]:
    """The settings that a machine with other ports needs."""
    issuer = f"http://localhost:{here['8080']}/"
    return {"AUTHSERVER_ISSUER": issuer, "AUTHSERVER_PORT": here["8080"], "AUTHSERVER_MANAGEMENT_PORT": here["8081"]}


@pytest.fixture(scope="module")
def taught(
    tmp_path_factory: pytest.TempPathFactory, here: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[Path, str]:
    """The directory in which the tutorial was followed, and what went wrong, if anything did."""
    directory = tmp_path_factory.mktemp("tutorial")
    with terminal(directory, tmp_path_factory.mktemp("scratch"), environment) as opened:
        try:
            follow(TUTORIAL, opened, directory, here)
        except Broken as fault:
            return directory, str(fault)
    return directory, ""


@pytest.fixture(scope="module")
def database_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with postgres() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal in an empty directory."""
    (tmp_path / "work").mkdir()
    with terminal(tmp_path / "work", tmp_path / "scratch", environment) as opened:
        yield opened


def test_the_tutorial_works_as_it_stands(taught: tuple[Path, str]) -> None:
    """A newcomer who types the tutorial gets a token, calls the API, and is refused after the revocation."""
    fault = taught[1]
    assert not fault, fault


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_works_where_the_tutorial_ended(
    guide: str,
    taught: tuple[Path, str],
    tmp_path: Path,
    here: Mapping[str, str],
    environment: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> None:
    """A reader who has the tutorial's authority can type the guide as it stands and sees what it shows."""
    directory = tmp_path / "work"
    shutil.copytree(taught[0], directory)
    local = dict(here)
    if guide == "run-on-postgresql":
        server: PostgresServer = request.getfixturevalue("database_server")
        local["postgresql://authserver:secret@localhost:5432/authserver"] = server.create_database("authserver")
    with terminal(directory, tmp_path / "scratch", environment) as opened:
        follow(DOCS / f"how-to/{guide}.md", opened, directory, local)


def test_every_guide_is_tried_somewhere() -> None:
    """Each how-to guide is followed here or names the tests that do the same, and each of those exists."""
    pages = {page.stem for page in (DOCS / "how-to").glob("*.md")} - {"README"}
    assert pages - set(GUIDES) - set(ELSEWHERE) == set()
    assert [test for page, test in ELSEWHERE.items() if page in pages and not (ROOT / test).exists()] == []
    assert {page.stem for page in (DOCS / "tutorial").glob("*.md")} == {"README", TUTORIAL.stem}


def test_every_file_that_a_page_names_exists() -> None:
    """A page that says where something stands, or which test tries to break it, names a file that is there."""
    named = {
        (page.name, file)
        for page in DOCS.rglob("*.md")
        for file in re.findall(r"`((?:authserver|clients|tests)/[\w./-]+\.py)`", page.read_text(encoding="utf-8"))
    }
    assert named
    assert [found for found in sorted(named) if not (ROOT / found[1]).exists()] == []


def page(folder: Path, text: str) -> Path:
    """A page with this text."""
    written = folder / "page.md"
    written.write_text(text, encoding="utf-8")
    return written


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nexit 3\n```\n",
        "```sh\nfalse\necho on\n```\n",
        "```sh\necho one\n```\n\n```text\ntwo\n```\n",
        "```sh\necho one; echo two\n```\n\n```text\none\n```\n",
        "<!-- run: exits 1 -->\n```sh\ntrue\n```\n",
        "```python\nraise ValueError\n```\n",
        "1. A list\n   ```sh\n   true\n   ```\n",
        "<!-- file: secret.py -->\n```python\n```\n",
        "<!-- run: never -->\n```sh\ntrue\n```\n",
        "```text\nout of nowhere\n```\n",
    ],
)
def test_a_page_that_is_not_true_is_found_out(shell: Terminal, tmp_path: Path, text: str) -> None:
    """A command that fails, an output that differs and a block that would be passed over are all faults."""
    with pytest.raises(Broken):
        follow(page(tmp_path, text), shell, tmp_path / "work", {"8080": "1"})


def test_a_page_is_one_terminal(shell: Terminal, tmp_path: Path) -> None:
    """Variables and the directory last from block to block, files are saved, and what fails on purpose ends nothing."""
    text = (
        "Save it as `said.py`.\n\n<!-- file: said.py -->\n```python\nimport os\nprint(os.environ['SAID'], 8080)\n```\n"
        "```sh\nexport SAID=hello\n```\n<!-- run: exits 1 -->\n```sh\nfalse\n```\n"
        "```sh\npython said.py\n```\n```text\nhello 8080\n```\n"
    )
    follow(page(tmp_path, text), shell, tmp_path / "work", {"8080": "17"})


def test_dots_stand_for_what_differs() -> None:
    """An ellipsis matches within its line, alone on it any number of lines, and nothing else is loose."""
    assert matches("id …\n…\nend\n", "id 7   \n1\n2\nend")
    assert not matches("id …\nend\n", "id 7\n8\nend\n")
    assert not matches("a.c\n", "abc\n")


def test_what_a_reader_does_not_do_is_not_a_block(tmp_path: Path) -> None:
    """Fences in other languages are for reading only."""
    assert blocks(page(tmp_path, "```ini\nx = 1\n```\n\n```\nplain\n```\n")) == []
