"""How the command answers and refuses: data on stdout, everything for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tillit.errors import ConfigError, Rejected, TillitError

Json = Annotated[bool, typer.Option("--json", help="Answer one JSON document, errors too.")]
Prefix = Annotated[
    str | None, typer.Option("--prefix", metavar="NAME_", help="Read the settings under it instead of TILLIT_.")
]


@contextmanager
def refusing(*, as_json: bool) -> Iterator[None]:
    """Tell an error and end: status 2 for what was asked or set wrongly, 1 for what did not work."""
    try:
        yield
    except TillitError as error:
        refuse(error, as_json=as_json)


def refuse(error: TillitError, *, as_json: bool) -> None:
    """Tell an error and end. Raises typer.Exit."""
    told = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, Rejected):
        told |= {"code": error.mp_code or error.code, "trace_id": error.trace_id or "", "hint": error.hint or ""}
    if as_json:
        say(told)
    else:
        sys.stderr.write(f"{told['message']}\n")
        if told.get("hint") and told["hint"] not in told["message"]:
            sys.stderr.write(f"{told['hint']}\n")
    raise typer.Exit(2 if isinstance(error, ConfigError) else 1)


def say(document: Mapping[str, Any]) -> None:
    """Answer one JSON document."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def note(text: str) -> None:
    """Say something to people that is no part of the answer."""
    sys.stderr.write(text + "\n")
