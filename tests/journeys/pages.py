"""Pages of the documentation, done as a reader does them: every block in order, in one terminal.

    ```sh               is typed
    ```python           is saved under the name in `<!-- file: NAME -->` before it, else run
    ```text             is what the block before it printed; `…` stands for what differs, alone for any lines

A comment before a fence says what a reader knows: `<!-- run: background, until PORT -->` for what is left running and
answers on that port, `<!-- run: exits 1 -->` for what fails on purpose, `<!-- run: no, because … -->` for what cannot
be done here. Knows nothing of pytest.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
OURS = ("AUTHSERVER_", "TILLIT_", "MASKINPORTEN_")
BLOCK = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMENT = re.compile(r"run: background, until \d+|run: exits 1|run: no, because .+|file: [\w.]+")


class Broken(Exception):
    """The page is not true, or not written so that it can be tried; the text says where."""


@dataclass(frozen=True, slots=True)
class Block:
    """What stands in one fence, and what the page says about it. `printed` is None where the page shows no output."""

    where: str
    language: str
    text: str
    comment: str
    printed: str | None = None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that a reader does, each with its output. Raises Broken."""
    content = page.read_text(encoding="utf-8")
    found: list[Block] = []
    seen = 0
    for match in BLOCK.finditer(content):
        seen += 1
        where = f"{page.name}:{content.count(chr(10), 0, match.start('text'))}"
        comment = match["comment"] or ""
        if match["language"] == "text":
            if not found or found[-1].printed is not None:
                raise Broken(f"{where}: output of nothing")
            found[-1] = replace(found[-1], printed=match["text"])
        elif match["language"] in ("sh", "python"):
            if comment and not COMMENT.fullmatch(comment):
                raise Broken(f"{where}: {comment!r} says nothing")
            if comment.startswith("file: ") and f"`{comment[6:]}`" not in content:
                raise Broken(f"{where}: the reader is not told to save it")
            found.append(Block(where, match["language"], match["text"], comment))
    if 2 * seen != len(re.findall(r"^\s*(?:```|~~~)", content, re.MULTILINE)):
        raise Broken(f"{page.name}: a fence that cannot be read, perhaps an indented one")
    return found


class Terminal:
    """One shell in a directory, which is asked to do one block after the other."""

    def __init__(self, directory: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._scratch = scratch
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        path = f"{_programs(scratch)}{os.pathsep}{os.environ['PATH']}"
        self._shell = subprocess.Popen(
            ["sh"],
            cwd=directory,
            env={**inherited, "PATH": path, "PYTHONPATH": f"{ROOT}:{ROOT}/clients/python/src", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._typed = 0

    def type(self, text: str, *, may_fail: bool = False) -> tuple[int, str]:
        """Do what the text says; return its exit status and everything it printed."""
        mark = f"-- done {self._typed} --"
        self._say(f"set {'+' if may_fail else '-'}e\n. {self._saved(text)} </dev/null\nprintf '%s\\n' \"{mark} $?\"\n")
        printed: list[str] = []
        for line in self._shell.stdout or ():
            before, found, status = line.partition(mark)
            printed.append(before)
            if found:
                return int(status), "".join(printed)
        return self._shell.wait(), "".join(printed)

    def leave_running(self, text: str, port: int) -> None:
        """Start what the text says and return once the port answers. Raises Broken, with what it printed."""
        if not _waited(lambda: not _answers(port)):
            raise Broken(f"something else answers on port {port}")
        script = self._saved(text)
        log = script.with_suffix(".log")
        # A shell of its own: this one, forked, would keep our pipe open for as long as the program runs.
        self._say(f"sh -e {script} >{log} 2>&1 </dev/null &\n")
        if not _waited(lambda: _answers(port)):
            raise Broken(f"nothing answers on port {port}:\n{log.read_text(encoding='utf-8')}")

    def close(self) -> None:
        """End the shell and everything that it left running."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()

    def _saved(self, text: str) -> Path:
        self._typed += 1
        script = self._scratch / f"{self._typed}.sh"
        script.write_text(text, encoding="utf-8")
        return script

    def _say(self, line: str) -> None:
        if self._shell.stdin is None:
            raise RuntimeError("the shell has no input")
        self._shell.stdin.write(line)
        self._shell.stdin.flush()


@contextmanager
def terminal(directory: Path, scratch: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal in `directory`, ended with all that runs in it."""
    opened = Terminal(directory, scratch, environment)
    try:
        yield opened
    finally:
        opened.close()


def follow(page: Path, opened: Terminal, directory: Path, here: Mapping[str, str]) -> None:
    """Do what a page says. `here` holds what words of it are on this machine. Raises Broken at the first fault."""
    for block in blocks(page):
        if block.comment.startswith("run: no"):
            continue
        text = _local(block.text, here)
        if block.comment.startswith("file: "):
            (directory / block.comment.removeprefix("file: ")).write_text(text, encoding="utf-8")
        elif block.comment.startswith("run: background"):
            opened.leave_running(text, int(_local(block.comment.rpartition(" ")[2], here)))
        else:
            _try(block, text, opened, here)


def _try(block: Block, text: str, opened: Terminal, here: Mapping[str, str]) -> None:
    fails = block.comment == "run: exits 1"
    command = text if block.language == "sh" else f"python - <<'END'\n{text}END\n"
    status, printed = opened.type(command, may_fail=fails)
    if status != fails:
        raise Broken(f"{block.where}: exits {status}:\n{printed}")
    if block.printed is not None and not matches(_local(block.printed, here), printed):
        raise Broken(f"{block.where}: the page shows\n{block.printed}\nand it prints\n{printed}")


def matches(shown: str, printed: str) -> bool:
    """Tell whether a text was printed as the page shows it; white space at the ends of lines does not count."""
    lines = [".*" if line.strip() == "…" else _pattern(line.rstrip()) for line in shown.strip().splitlines()]
    actual = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return re.fullmatch("\n".join(lines), actual, re.DOTALL) is not None


def _pattern(line: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in line.split("…"))


def _local(text: str, here: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], text)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _waited(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; tell whether it came to be."""
    deadline = time.monotonic() + START_SECONDS
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def _programs(scratch: Path) -> Path:
    """A folder with the programs of this environment, whether it is active or not."""
    folder = scratch / "bin"
    folder.mkdir(parents=True)
    for name, module in (
        ("python", ""),
        ("authserver", " -m authserver"),
        ("tillit", " -m tillit"),
        ("uvicorn", " -m uvicorn"),
    ):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{module} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return folder
