"""`authserver doctor`: is everything in place, and if not, what to mend."""

from __future__ import annotations

import asyncio
import dataclasses

import typer

from authserver.cli.answer import answering
from authserver.cli.desk import clock, settings
from authserver.cli.faults import refusal_document
from authserver.cli.options import Json
from authserver.settings import SettingsError


def doctor(as_json: Json = False) -> None:
    """Check settings, database, signing keys, example keys and Redis; exit 1 when a check fails."""
    from authserver.cli.checks import Check, examine

    with answering(as_json=as_json) as answer:
        try:
            read = settings()
        except SettingsError as fault:
            found = [Check("settings", "fail", str(refusal_document(fault)["sentence"]))]
        else:
            well = Check("settings", "ok", f"The settings are complete, for the environment {read.environment}.")
            found = [well, *asyncio.run(examine(read, clock()))]
        answer.rows([dataclasses.asdict(check) for check in found], ("state", "check", "sentence"), "")
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)
