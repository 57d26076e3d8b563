"""Options and arguments that several verbs share, and how their text becomes values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from authserver.registry.paging import MOST, Window

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Orgno = Annotated[str, typer.Argument(metavar="ORGNO", help="Nine-digit organisation number.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the change log.")]

State = Annotated[str | None, typer.Option("--state", help="Only those REQUESTED, APPROVED, DENIED or WITHDRAWN.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MOST, help="How many at most.")]


def noun(text: str) -> typer.Typer:
    """Make the group of one noun's verbs."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


def seconds(text: str) -> int:
    """Read an ISO 8601 date or time as seconds since the Unix epoch; without an offset it is UTC.

    A date means the moment it begins. Raises typer.BadParameter.
    """
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise typer.BadParameter("not a date or time in ISO 8601, such as 2030-12-31 or 2030-12-31T12:00:00Z") from None


def window(limit: int) -> Window:
    """Begin a list at its start."""
    return Window(limit=limit)
