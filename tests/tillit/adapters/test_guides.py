"""The Python of the guides for frameworks, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from tests.tillit.adapters import django_api

GUIDES = Path(__file__).parents[3] / "docs/how-to"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("framework", ["starlette", "flask", "django", "grpc"])
def test_the_guide_works_as_it_is_written(framework: str) -> None:
    """Block after block, top to bottom; the last ones assert what a request without a token gets."""
    blocks = BLOCK.findall((GUIDES / f"protect-an-api-with-{framework}.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 2
    assert any("assert" in block for block in blocks)
    assert django_api.MIDDLEWARE
    with override_settings(TILLIT={"ISSUER": "http://localhost:8080/", "AUDIENCE": "x"}):
        names: dict[str, Any] = {"__name__": "guide"}
        for block in blocks:
            exec(block, names)  # noqa: S102 - the page must work as it is written
