"""`tillit doctor`: the first thing that keeps a client from its tokens, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console

from tillit.cli.saying import Json, Prefix, say
from tillit.config import ClientConfig
from tillit.diagnosis import STEPS, Examination, Finding

_WIDTH: Final = max(map(len, STEPS))


def doctor(
    *,
    thumbprint: Annotated[
        str | None,
        typer.Option("--thumbprint", help="That of the key registered on the client (RFC 7638), to compare."),
    ] = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Look at settings, metadata, clock, token and its validation, and stop at the first that is not good."""
    found: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in Examination(lambda: ClientConfig.from_env(prefix), thumbprint=thumbprint).findings():
        found.append(finding)
        if not as_json:
            _show(console, finding)
    good = all(finding.good for finding in found)
    if as_json:
        say({"good": good, "findings": [asdict(finding) for finding in found]})
    elif good:
        console.print("Everything a token needs is there.")
    if not good:
        raise typer.Exit(1)


def _show(console: Console, finding: Finding) -> None:
    mark, style = ("ok  ", "green") if finding.good else ("BAD ", "bold red")
    console.print(mark, end="", style=style)
    console.print(f"{finding.step:<{_WIDTH}}  {finding.text}", markup=False)
    if finding.advice:
        console.print(f"{'':<{_WIDTH + 6}}{finding.advice}", markup=False)
