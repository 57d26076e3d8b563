"""docs/reference/conformance.md and these tests say the same, and nothing is forgotten in between."""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (R-\d{3}) \| (.+?) \| (.+?) \|$", re.MULTILINE)
# The requirements on the first version.
FIRST = [range(1, 57), range(58, 60), range(64, 82), range(84, 87), range(98, 123)]


def rows() -> dict[str, str]:
    """Where each requirement of the page is proven, or why not yet."""
    page = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")
    return {number: place for number, _, place in ROW.findall(page)}


def decorated() -> set[str]:
    """The clauses that tests of this folder are named after."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "clause":
                found |= {str(name.value) for name in node.args if isinstance(name, ast.Constant)}
    return found


def test_every_requirement_has_its_row() -> None:
    """The page has one row for each requirement on the first version, in order."""
    assert list(rows()) == [f"R-{number:03}" for number in chain(*FIRST)]


def test_the_page_names_these_tests_where_they_are() -> None:
    """A row points here exactly if a test of this folder carries its number."""
    here = {number for number, place in rows().items() if place == "`tests/conformance`"}
    assert here == {name for name in decorated() if name.startswith("R-")}


def test_every_other_place_exists_or_gives_its_reason() -> None:
    """A row points to a file that is there, or says in words why there is none yet."""
    for number, place in rows().items():
        if place.startswith("not yet: "):
            assert len(place.split()) >= 5, number
        else:
            assert (ROOT / place.strip("`")).exists(), number


def test_the_core_standards_are_all_there() -> None:
    """Each RFC that the token request rests on has tests that carry its clauses."""
    numbers = {name.split()[1] for name in decorated() if name.startswith("RFC ")}
    assert {"6749", "7515", "7517", "7518", "7519", "7521", "7523", "7638", "8414", "8707", "8725", "9068"} <= numbers
