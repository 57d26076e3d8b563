"""Delegations as lines of a file: CSV (RFC 4180) with a line of headings, or one JSON object a line (NDJSON)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import typer

from authserver.cli.faults import UnreadableFileError
from authserver.cli.options import seconds
from authserver.oauth.delegation import Delegation
from authserver.oauth.strict_json import parse_object
from authserver.registry.delegation_import import Line
from authserver.registry.delegations import NewDelegation

Format = Literal["csv", "ndjson"]
COLUMNS: Final = ("consumer_orgno", "supplier_orgno", "scopes", "valid_to", "purpose", "package")
# Told by an export, and of no effect on an import.
TOLD: Final = ("id", "status", "valid_from", "delegator_orgno")
_LINE_BYTES: Final = 64 * 1024


def format_of(path: Path, asked: str | None) -> Format:
    """Return the form of a file: as asked, else by the end of its name. Raises typer.BadParameter."""
    match asked or path.suffix.removeprefix(".").lower():
        case "csv":
            return "csv"
        case "ndjson" | "jsonl":
            return "ndjson"
        case _:
            raise typer.BadParameter("say csv or ndjson, or let the name of the file end so", param_hint="--format")


def lines(path: Path, form: Format) -> Iterator[Line]:
    """Read the lines of a file one by one, numbered as an editor does. Raises UnreadableFileError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from _csv_lines(file, path) if form == "csv" else _json_lines(file)
    except OSError as fault:
        raise UnreadableFileError(f"The file {path} cannot be read: {fault.strerror or fault}.") from None
    except UnicodeDecodeError:
        raise UnreadableFileError(f"The file {path} is not text in UTF-8.") from None


def _csv_lines(file: TextIO, path: Path) -> Iterator[Line]:
    rows = csv.DictReader(file, strict=True)
    try:
        names = rows.fieldnames or ()
        missing = {"consumer_orgno", "supplier_orgno"}.difference(names)
        unknown = [name for name in names if name not in (*COLUMNS, *TOLD)]
        if missing or unknown or len(set(names)) != len(names):
            known = ", ".join(COLUMNS)
            raise UnreadableFileError(f"The first line of {path} does not name its columns, which are: {known}.")
        for row in rows:
            whole = None not in row and None not in row.values()
            yield Line(rows.line_num, _wanted(row) if whole else "The line has more or fewer columns than the first")
    except csv.Error as fault:
        raise UnreadableFileError(f"Line {rows.line_num} of {path} is not CSV: {fault}.") from None


def _json_lines(file: TextIO) -> Iterator[Line]:
    number = 0
    while text := file.readline(_LINE_BYTES):
        number += 1
        if len(text) == _LINE_BYTES and not text.endswith("\n"):
            while (rest := file.readline(_LINE_BYTES)) and not rest.endswith("\n"):
                pass
            yield Line(number, "The line is too long")
        elif text.strip():
            yield Line(number, _read(text))


def _read(text: str) -> NewDelegation | str:
    try:
        found = parse_object(text.encode("utf-8"))
    except ValueError:
        return "The line is not one object of strict JSON"
    unknown = sorted(found.keys() - {*COLUMNS, *TOLD})
    return f"There is no member {unknown[0]!r}" if unknown else _wanted(found)


def _wanted(row: Mapping[str, Any]) -> NewDelegation | str:
    if row.get("status") not in (None, "", "active"):
        return "Only a delegation that is active can be imported"
    if row.get("delegator_orgno") not in (None, ""):
        return "A re-delegation cannot be imported; its supplier hands it on anew"
    scopes = row.get("scopes") or []
    names = scopes.split() if isinstance(scopes, str) else scopes
    texts = [row.get(name) or "" for name in ("consumer_orgno", "supplier_orgno", "package", "purpose")]
    if not isinstance(names, list) or not all(isinstance(text, str) for text in (*texts, *names)):
        return "A member is neither text nor, for scopes, a list of texts"
    try:
        end = _end(row.get("valid_to"))
    except typer.BadParameter as fault:
        return f"The end is {fault.message}"
    consumer, supplier, package, purpose = texts
    return NewDelegation(consumer, supplier, names, end, package=package or None, purpose=purpose)


def _end(said: Any) -> int | None:
    if said in (None, ""):
        return None
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if not isinstance(said, str):
        raise typer.BadParameter("neither a time nor a number of seconds")
    return int(said) if said.isascii() and said.isdigit() and len(said) > 8 else seconds(said)


class Writer:
    """Writes delegations to a file, line by line."""

    def __init__(self, file: TextIO, form: Format) -> None:
        self._file = file
        self._csv = csv.DictWriter(file, (*COLUMNS, *TOLD)) if form == "csv" else None
        if self._csv is not None:
            self._csv.writeheader()

    def write(self, found: Delegation) -> None:
        """Write one. A package stands for its scopes, which an import takes as they are then."""
        row: dict[str, Any] = {
            "consumer_orgno": found.consumer_orgno,
            "supplier_orgno": found.supplier_orgno,
            "scopes": [] if found.package else sorted(found.scopes),
            "valid_to": _moment(found.valid_to),
            "purpose": found.purpose,
            "package": found.package or "",
            "id": found.id,
            "status": found.status,
            "valid_from": _moment(found.valid_from),
            "delegator_orgno": found.delegator_orgno or "",
        }
        if self._csv is not None:
            self._csv.writerow({**row, "scopes": " ".join(row["scopes"])})
        else:
            self._file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _moment(seconds_: int) -> str:
    return datetime.fromtimestamp(seconds_, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
