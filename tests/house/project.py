"""The project as text: its root, its files, and what the house rules read out of them."""

import ast
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MADE = {".git", ".venv", "node_modules", "var", "dist", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Return every file of the project that is not made by a tool, also those not yet committed."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        found = (ROOT / name for name in listed if name)
    else:
        found = (path for path in ROOT.rglob("*") if MADE.isdisjoint(path.relative_to(ROOT).parts))
    return tuple(sorted(path for path in found if path.is_file()))


def under(*folders: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the project's files in these folders whose names end so, `.` meaning everywhere."""
    roots = [ROOT / folder for folder in folders]
    return [f for f in files() if f.suffix in suffixes and any(f.is_relative_to(root) for root in roots)]


def name(path: Path) -> str:
    """Return a file's name from the project's root, as a finding shows it."""
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str | None:
    """Return a file's text, None when it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function below a node, nested ones and methods too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_sentence(docstring: str | None) -> bool:
    """Tell whether a docstring is exactly one sentence."""
    words = " ".join((docstring or "").split())
    return words.endswith(".") and not any(
        f"{stop} " in words and words.split(f"{stop} ", 1)[1][:1].isupper() for stop in ".!?"
    )


def pyproject() -> dict[str, Any]:
    """Return the settings of the project and its tools."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
