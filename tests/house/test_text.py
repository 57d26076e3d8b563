"""What may not stand in a file, and what must."""

import ast
import re

from tests.house.project import ROOT, files, functions, is_sentence, name, parse, text, under

# Written with one-letter classes, so that this file does not match itself.
ADDRESSES = re.compile(
    r"p[y]pi\.org|p[y]thonhosted\.org|registry\.n[p]mjs|registry\.y[a]rnpkg|deb\.d[e]bian|proxy\.g[o]lang"
    r"|repo1?\.m[a]ven|c[r]ates\.io/api"
)
MACHINE_PATHS = re.compile(r"/w[o]rk/|/r[o]ot/|/tmp/v[e]nv|/opt/w[h]eels|/h[o]me/[a-z]+/")
MARKER = re.compile(r"\b(?:T[O]DO|F[I]XME|X{3})\b(?!\(#\d+\))")
CODE = (".py", ".ts", ".js", ".mjs", ".css", ".html", ".sh", ".toml", ".yml", ".yaml", ".sql")


def findings(pattern: re.Pattern[str], *, only: tuple[str, ...] = ()) -> list[str]:
    """Return every line of the project that matches, as file, line number and match."""
    return [
        f"{name(path)}:{number}: {match[0]}"
        for path in files()
        if not only or path.suffix in only
        for number, line in enumerate((text(path) or "").splitlines(), 1)
        if (match := pattern.search(line))
    ]


def test_no_file_names_the_address_of_a_package_registry() -> None:
    """Where packages come from is the business of the machine that installs them."""
    assert findings(ADDRESSES) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    """A path that exists on one machine only is a fault on every other."""
    assert findings(MACHINE_PATHS) == []


def test_a_note_of_unfinished_work_names_its_issue() -> None:
    """A marker for later work without an issue number beside it is forgotten work."""
    assert findings(MARKER, only=CODE) == []


def test_every_room_says_in_one_sentence_what_it_is_for() -> None:
    """Each package of the authority and of the client library opens with a one-sentence docstring."""
    folders = {path.parent for path in under("authserver", "clients/python/src", suffixes=(".py",))}
    rooms = {folder for folder in folders if "migrations" not in folder.parts}
    silent = [
        name(room)
        for room in sorted(rooms)
        if not (room / "__init__.py").exists() or not is_sentence(ast.get_docstring(parse(room / "__init__.py")))
    ]
    assert silent == []


def test_every_test_states_its_behaviour_in_one_sentence() -> None:
    """Each test function has a docstring of one sentence."""
    silent = [
        f"{name(path)}:{function.lineno} {function.name}"
        for path in under("tests", suffixes=(".py",))
        if path.name.startswith("test_")
        for function in functions(parse(path))
        if function.name.startswith("test_") and not is_sentence(ast.get_docstring(function))
    ]
    assert silent == []


def test_the_packages_are_marked_as_typed() -> None:
    """Both packages carry py.typed, so that their users' type checkers read them."""
    packages = (ROOT / "authserver", ROOT / "clients/python/src/tillit")
    assert [name(package) for package in packages if not (package / "py.typed").exists()] == []
