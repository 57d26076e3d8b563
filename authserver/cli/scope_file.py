"""`authserver scope import`: scopes from records shaped as the public scope list."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from authserver.cli.answer import Answer, answering, console
from authserver.cli.desk import Changed, Desk, change_at_desk
from authserver.cli.faults import told
from authserver.cli.files import RECORDS_BYTES, read
from authserver.cli.options import Json
from authserver.oauth.errors import Reason, Refusal
from authserver.registry.scope_import import ImportOptions, ImportReport, import_scopes
from authserver.registry.scope_records import parse_document

_WORTH_A_BAR = 200


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON array of scope records.")],
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Import the others when some are faulty.")] = False,
    delegable_here: Annotated[
        bool, typer.Option("--delegable-here", help="Scopes with any delegation source use this authority's register.")
    ] = False,
    owner_name: Annotated[
        list[str] | None,
        typer.Option("--owner-name", metavar="ORGNO=NAME", help="Name of an owner not yet registered."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register owners, prefixes and scopes from a list, all in one transaction; done again, it changes nothing."""
    names = _owner_names(owner_name or [])

    async def work(desk: Desk) -> ImportReport:
        options = ImportOptions(skip_faulty, desk.settings.issuer if delegable_here else None, names)
        with _progress(parse_document(read(file, RECORDS_BYTES))) as records:
            return await import_scopes(desk.store, desk.actor, desk.now, records, options)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        if not changed.record.applied:
            raise _refuse(answer, changed.record)
        _tell(answer, changed)


def _tell(answer: Answer, changed: Changed[ImportReport]) -> None:
    report = changed.record
    document = dataclasses.asdict(report)
    if not answer.as_json:
        document.pop("faults")
        document.pop("applied")
    answer.record(
        f"{report.records - len(report.faults)} of {report.records} records are imported.", document, changed.effect
    )
    if not answer.as_json:
        for line in _fault_lines(report):
            print(line, file=sys.stderr)


def _refuse(answer: Answer, report: ImportReport) -> typer.Exit:
    faulty = f"{len(report.faults)} of {report.records} records are faulty, and nothing was imported"
    refusal = Refusal(Reason.INVALID, value=faulty)
    document = told(refusal.error, refusal.code, refusal.reason.dotted, refusal.sentence)
    return answer.refuse({**document, **dataclasses.asdict(report)}, *_fault_lines(report))


def _fault_lines(report: ImportReport) -> Sequence[str]:
    return [
        f"record {fault.index}{f' ({fault.name})' if fault.name else ''}: {fault.sentence}" for fault in report.faults
    ]


def _owner_names(pairs: Sequence[str]) -> Mapping[str, str]:
    names = {}
    for pair in pairs:
        orgno, equals, name = pair.partition("=")
        if not equals:
            raise typer.BadParameter("write ORGNO=NAME", param_hint="--owner-name")
        names[orgno] = name
    return names


@contextmanager
def _progress(records: Sequence[Any]) -> Iterator[Iterator[Any]]:
    """Hand the records on; a terminal sees how many are done."""
    shown = sys.stderr.isatty() and len(records) >= _WORTH_A_BAR
    with Progress(console=console(sys.stderr), disable=not shown, transient=True) as bar:
        yield iter(bar.track(records, description="Importing"))
