"""`authserver delegation import` and `export`: delegations by the hundred thousand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from authserver.cli.answer import Answer, Effect, answering, console
from authserver.cli.delegation_lines import Writer, format_of, lines
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.faults import told
from authserver.cli.options import Json
from authserver.oauth.errors import Reason, Refusal
from authserver.registry.delegation_import import ImportOptions, ImportReport, Line, exported, import_delegations

_TOLD_EVERY: Final = 10_000
Form = Annotated[str | None, typer.Option("--format", help="csv or ndjson; as the name of the file ends when absent.")]


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a line of headings, or NDJSON.")],
    form: Form = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Give the delegations of a file; begun again, it goes on where it was, and passes over what is there."""
    read = lines(file, format_of(file, form))

    async def work(desk: Desk) -> ImportReport:
        options = ImportOptions(desk.settings.issuer, new_id, rehearsal=dry_run)
        with _progress("Importing", quiet=as_json) as count:
            return await import_delegations(desk.store, desk.actor, desk.now, _counted(read, count), options)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        if changed.record.faults:
            raise _refuse(answer, changed.record, changed.effect, dry_run=dry_run)
        report = changed.record
        done = "would be given" if dry_run else "are given"
        sentence = f"Of {report.lines} delegations {report.added} {done}; {report.present} were there already."
        answer.record(sentence, _document(report, dry_run=dry_run), changed.effect)


def export_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    form: Form = None,
    consumer: Annotated[str | None, typer.Option("--consumer", metavar="ORGNO", help="Only those given by it.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", metavar="ORGNO", help="Only those held by it.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are not active, and re-delegations, as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write delegations to a file that an import takes."""
    shape = format_of(file, form)

    async def work(desk: Desk) -> int:
        found = exported(
            desk.store,
            desk.actor,
            desk.now,
            consumer_orgno=consumer,
            supplier_orgno=supplier,
            everything=everything,
        )
        written = 0
        with file.open("w", encoding="utf-8", newline="") as out, _progress("Exporting", quiet=as_json) as count:
            writer = Writer(out, shape)
            async for delegation in found:
                writer.write(delegation)
                written += 1
                count()
        return written

    with answering(as_json=as_json) as answer:
        written = at_desk(work)
        answer.record(f"{written} delegations are written.", {"file": str(file), "delegations": written})


def _refuse(answer: Answer, report: ImportReport, effect: Effect, *, dry_run: bool) -> typer.Exit:
    done = "would be given" if dry_run else "are given"
    rest = f"{report.added} {done} and {report.present} were there already"
    faulty = f"{len(report.faults)} of {report.lines} lines are faulty; of the others {rest}"
    refusal = Refusal(Reason.INVALID, value=faulty)
    document = told(refusal.error, refusal.code, refusal.reason.dotted, refusal.sentence)
    sentences = (f"line {fault.line}: {fault.sentence}" for fault in report.faults)
    return answer.refuse({**document, **_document(report, dry_run=dry_run), **asdict(effect)}, *sentences)


def _document(report: ImportReport, *, dry_run: bool) -> dict[str, Any]:
    return {**asdict(report), "dry_run": dry_run}


def _counted(read: Iterator[Line], count: Callable[[], None]) -> Iterator[Line]:
    for line in read:
        yield line
        count()


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """Count on stderr: a terminal sees every step, a log every ten thousandth."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn())
    with Progress(*columns, console=console(sys.stderr), disable=not sys.stderr.isatty(), transient=True) as bar:
        task, done = bar.add_task(what, total=None), 0

        def count() -> None:
            nonlocal done
            done += 1
            bar.advance(task)
            if done % _TOLD_EVERY == 0 and not quiet and bar.disable:
                print(f"{what}: {done} lines", file=sys.stderr, flush=True)

        yield count
