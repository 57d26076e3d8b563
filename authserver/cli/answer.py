"""What a verb says: one JSON document, or sentences and tables; and how it says no."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authserver.cli.faults import expected, refusal_document

Document = Mapping[str, Any]
_TIMES: Final = frozenset(
    {
        "expires_at",
        "valid_from",
        "valid_to",
        "created_at",
        "active_from",
        "retired_at",
        "removed_at",
        "seen_at",
        "paused_until",
        "asked_at",
        "decided_at",
        "review_at",
        "at",
    }
)
# Away from a terminal nothing is folded, so that ids can be searched for and copied.
_ENDLESS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Effect:
    """Since when every node decides by a change: the policy epoch and the second; None when nothing was changed."""

    epoch: int | None
    effective_at: int | None

    @property
    def sentence(self) -> str:
        """Tell it to people."""
        if self.epoch is None or self.effective_at is None:
            return "Nothing had to be changed."
        return f"Effective since {moment(self.effective_at)} (policy epoch {self.epoch})."


class Answer:
    """The answer of one verb, as a JSON document or for people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def record(self, sentence: str, document: Document, effect: Effect | None = None) -> None:
        """Say that one thing is done, how the record looks now, and since when that is in effect."""
        if self.as_json:
            self.document({**document, **asdict(effect)} if effect else document)
            return
        out = console(sys.stdout)
        out.print(Text(sentence))
        details = Table.grid(padding=(0, 2, 0, 2))
        for member, value in document.items():
            if value not in (None, "", [], {}):
                details.add_row(Text(_title(member)), Text(_shown(member, value), overflow="fold"))
        out.print(details)
        if effect is not None:
            out.print(Text(effect.sentence))

    def rows(self, documents: Sequence[Document], columns: Sequence[str], empty: str) -> None:
        """Show many records: all members in JSON, the named ones in a table; `empty` is said when there are none."""
        if self.as_json:
            self.document(list(documents))
            return
        out = console(sys.stdout)
        if not documents:
            out.print(Text(empty))
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            table.add_column(Text(_title(column)), overflow="fold")
        for document in documents:
            table.add_row(*(Text(_shown(column, document.get(column)), overflow="fold") for column in columns))
        out.print(table)

    def document(self, document: Any) -> None:
        """Print the one JSON document."""
        print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))

    def refuse(self, document: Document, *further: str) -> typer.Exit:
        """Say no, on stdout as JSON or on stderr as the sentence with further lines; return what to raise."""
        if self.as_json:
            self.document(document)
        else:
            for line in (str(document["sentence"]), *further):
                print(line, file=sys.stderr)
        return typer.Exit(1)


@contextmanager
def answering(*, as_json: bool) -> Iterator[Answer]:
    """Run a verb; whatever may be expected to go wrong becomes a refusal and exit code 1."""
    answer = Answer(as_json=as_json)
    try:
        yield answer
    except expected() as fault:
        raise answer.refuse(refusal_document(fault)) from None


def console(file: TextIO) -> Console:
    """Make a console that never marks up what it is given, and never folds away from a terminal."""
    terminal = file.isatty()
    return Console(file=file, width=None if terminal else _ENDLESS, markup=False, highlight=False, emoji=False)


def moment(seconds: int) -> str:
    """Write a time for people, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _title(member: str) -> str:
    return member.replace("_", " ")


def _shown(member: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() if member in _TIMES:
            return moment(value)
        case list() if all(isinstance(item, str) for item in value):
            return "\n".join(value)
        case list():
            return "\n".join("  ".join(_shown(name, inner) for name, inner in item.items()) for item in value)
        case dict():
            return ", ".join(f"{_title(name)}: {_shown(name, inner)}" for name, inner in value.items())
        case _:
            return str(value)
