"""Tests named after the clauses they prove: `RFC 7523 §3(3)`, or `R-004` of docs/reference/conformance.md."""

from __future__ import annotations

import re
from typing import Any

import pytest

FORM = re.compile(r"R-\d{3}|RFC \d{4,5} §\d+(\.\d+)*(\(\d+\))?")


def clause(*names: str) -> pytest.MarkDecorator:
    """Name a test after clauses; the name is shown in its id and read by test_coverage.py."""
    for name in names:
        if not FORM.fullmatch(name):
            raise ValueError(f"not the name of a clause: {name}")
    shown = " and ".join(name.replace(" §", "-").replace(" ", "") for name in names)
    return pytest.mark.parametrize("clause", [names], ids=[shown], indirect=True)


def refusal_of(answer: Any) -> tuple[int, str]:
    """Status and error, which is what the standards speak of."""
    return answer.status, str(answer.json["error"])
