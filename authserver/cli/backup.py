"""`authserver backup`, `restore` and `restored`: a copy of everything, and a way back that hides no revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli.answer import Answer, answering, moment
from authserver.cli.desk import clock, effect, operator, settings
from authserver.cli.options import Json, Reason

if TYPE_CHECKING:
    from authserver.registry.differences import Door
    from authserver.services import RestoreReport

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(file: File, as_json: Json = False) -> None:
    """Write registry, change log, record and spent assertions to a new file, while nodes serve."""
    from authserver.services import back_up

    with answering(as_json=as_json) as answer:
        held = asyncio.run(back_up(settings(), file))
        document = {"file": str(file), "epoch": held.epoch, "records": len(held.records)}
        answer.record("The backup is made. The signing keys are not in it.", document)


def restore(
    file: File,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the registry that is there.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make the registry what a backup holds, pause issuance, and show what is open again."""
    from authserver.services import restore as run

    with answering(as_json=as_json) as answer:
        report = asyncio.run(run(settings(), file, operator(), clock(), reason=reason, replace=replace))
        _tell(answer, "The registry is restored.", report)


def restored(
    before: Annotated[
        Path | None, typer.Option("--before", metavar="FILE", help="A later backup, to compare the registry with.")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Say that the database was restored by other means: move on, pause issuance, and show what is open again."""
    from authserver.services import declare_restored

    with answering(as_json=as_json) as answer:
        report = asyncio.run(declare_restored(settings(), operator(), clock(), before=before, reason=reason))
        _tell(answer, "The database is taken as restored.", report)


def _tell(answer: Answer, sentence: str, report: RestoreReport) -> None:
    found = report.differences
    document = {"epoch_restored": report.epoch_restored, "paused_until": report.paused_until}
    if answer.as_json:
        lists = asdict(found) if found else {"open_again": [], "shut_again": [], "changed": []}
        told = {name: [door._asdict() for door in doors] for name, doors in lists.items()}
        answer.record(sentence, {**document, "compared": found is not None, **told}, effect(report.epoch))
        return
    answer.record(sentence, document, effect(report.epoch))
    print(f"No token is issued until {moment(report.paused_until)}.")
    if found is None:
        print("There was nothing to compare with: whatever was revoked after the backup is OPEN AGAIN.")
        return
    if not any((found.open_again, found.shut_again, found.changed)):
        print("The registry allows what it allowed before.")
    _doors(answer, "OPEN AGAIN, revoked after the backup; revoke it anew:", found.open_again)
    _doors(answer, "Shut, granted after the backup:", found.shut_again)
    _doors(answer, "Otherwise changed after the backup:", found.changed)


def _doors(answer: Answer, title: str, doors: Sequence[Door]) -> None:
    if doors:
        print(title)
        answer.rows([door._asdict() for door in doors], ("what", "id", "part"), "")
