"""What is said to those who have not installed a framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRAMEWORKS = {
    "fastapi": "fastapi",
    "starlette": "starlette",
    "flask": "flask",
    "grpc": "grpc",
    "drf": "rest_framework",
    "django": "django",
}


@pytest.mark.parametrize("extra", list(FRAMEWORKS))
def test_a_missing_framework_is_named_by_its_extra(extra: str) -> None:
    """The import fails with the extra to install."""
    module = FRAMEWORKS[extra]
    program = (
        f"import sys; sys.modules['{module}'] = None; import tillit, tillit.asgi, tillit.wsgi; import tillit.{extra}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"install tillit[{extra}]" in done.stderr
