"""A file fits in the head, a function on a page."""

import ast

from tests.house.project import functions, name, parse, under

FILE_LINES = 250
FUNCTION_LINES = 40


def test_no_source_file_is_longer_than_250_lines() -> None:
    """A source file of the authority or of a client library has at most 250 lines, migrations aside."""
    sources = under("authserver", "clients", suffixes=(".py", ".ts", ".js", ".mjs"))
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {file: n for file, n in lengths.items() if n > FILE_LINES and "/migrations/versions/" not in file} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    """A function has at most 40 lines of its own: those of functions inside it count there."""
    lengths = {
        f"{name(path)}:{function.lineno} {function.name}": own_lines(function)
        for path in under("authserver", "clients", suffixes=(".py",))
        if "/migrations/versions/" not in name(path)
        for function in functions(parse(path))
    }
    assert {function: n for function, n in lengths.items() if n > FUNCTION_LINES} == {}


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines from `def` to the end, without those of nested functions."""
    inner = [other for child in ast.iter_child_nodes(function) for other in functions(child)]
    own = set(lines(function)).difference(*(lines(other) for other in inner))
    return len(own)


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    """Return the line numbers of a function, from `def` on: its decorators are no part of its length."""
    return range(function.lineno, (function.end_lineno or function.lineno) + 1)
