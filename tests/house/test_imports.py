"""Who may import whom: the contracts in pyproject.toml hold, and each of them can be broken."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.house.project import ROOT, name, parse, pyproject, under

LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]

# One forbidden import for every contract: the file it is planted in, and the line.
PLANTED = [
    ("authserver/oauth/__init__.py", "import authserver.grants"),
    ("authserver/oauth/__init__.py", "import os"),
    ("authserver/grants/__init__.py", "import time"),
    ("authserver/keys/__init__.py", "import authserver.storage"),
    ("authserver/keys/__init__.py", "import redis"),
    ("authserver/record/__init__.py", "import authserver.registry"),
    ("authserver/registry/__init__.py", "import fastapi"),
    ("authserver/web/__init__.py", "import authserver.storage"),
    ("authserver/services.py", "import authserver.web"),
    ("authserver/cli/__init__.py", "import tillit"),
    ("clients/python/src/tillit/__init__.py", "import authserver.oauth"),
]


def contracts() -> list[dict[str, Any]]:
    """Return the import contracts."""
    found: list[dict[str, Any]] = pyproject()["tool"]["importlinter"]["contracts"]
    return found


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the project laid out below a folder."""
    paths = os.pathsep.join([str(root), str(root / "clients/python/src")])
    environment = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(LINT, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_every_room_imports_only_what_its_contract_allows() -> None:
    """No file imports across a door that design and contracts keep shut."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_forbidden_import_breaks_each_contract(tmp_path: Path) -> None:
    """Every contract reports the forbidden import that is planted for it."""
    for package in ("authserver", "clients/python/src/tillit"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in PLANTED:
        with (tmp_path / file).open("a", encoding="utf-8") as target:
            target.write(f"\n{line}\n")
    result = lint(tmp_path)
    broken = {contract["name"] for contract in contracts() if f"{contract['name']} BROKEN" in result.stdout}
    assert broken == {contract["name"] for contract in contracts()}, result.stdout + result.stderr


def test_every_room_has_a_floor_and_a_contract() -> None:
    """No module of the authority stands outside the floors, and no room but the command line is without a contract."""
    floors = {
        module.strip(" ()")
        for contract in contracts()
        for floor in contract.get("layers", ())
        for module in floor.split("|")
    }
    sources = {module for contract in contracts() for module in contract.get("source_modules", ())}
    modules = {f"authserver.{entry.stem}" for entry in (ROOT / "authserver").glob("[a-z]*.py")}
    rooms = {f"authserver.{entry.parent.name}" for entry in (ROOT / "authserver").glob("*/__init__.py")}
    assert (modules | rooms) - floors == set()
    assert rooms - sources == {"authserver.cli"}


def test_the_rules_need_nothing_but_python_and_two_libraries() -> None:
    """The rules import the standard library, joserfc and cryptography, and no other distribution."""
    allowed = sys.stdlib_module_names | {"authserver", "joserfc", "cryptography"}
    foreign = [
        f"{name(path)}: {module}"
        for path in under("authserver/oauth", suffixes=(".py",))
        for node in ast.walk(parse(path))
        for module in imported(node)
        if module.split(".")[0] not in allowed
    ]
    assert foreign == []


def imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
