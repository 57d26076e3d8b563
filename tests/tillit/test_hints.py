"""What the libraries advise: something for every refusal of a token, and the same in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tillit.core.hints import hint_for

ROOT = Path(__file__).parents[2]
PUBLISHED = re.findall(r"^\| ((?:MP|AS)-\d+) ", (ROOT / "docs/reference/errors.md").read_text("utf-8"), re.MULTILINE)
# From AS-400 on they are the admin API's, and those of an authority that is out of order or busy: the doctor's alone.
OF_TOKENS = sorted({code for code in PUBLISHED if code < "AS-400" or code.startswith("MP")})
# Published by Maskinporten, and never said here.
MASKINPORTEN = ("MP-120", "MP-122", "MP-302", "MP-303")


@pytest.mark.parametrize("code", [*PUBLISHED, *MASKINPORTEN])
def test_every_published_code_comes_with_advice(code: str) -> None:
    """One sentence, by the code alone."""
    hint = hint_for(code, "", None)
    assert hint is not None
    assert hint.endswith(".")


def test_both_libraries_advise_the_same() -> None:
    """The table of the library for Node.js has the codes and sentences of the one for Python."""
    theirs = dict(
        re.findall(r'\["((?:MP|AS)-\d+)", "([^"]+)"\]', (ROOT / "clients/typescript/src/hints.ts").read_text("utf-8"))
    )
    assert len(theirs) >= len(OF_TOKENS)
    assert {code: hint_for(code, "", None) for code in theirs} == theirs
    assert set(OF_TOKENS) <= set(theirs)
