"""`authserver package`: scopes that their owner publishes under one name, to be delegated together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk
from authserver.cli.options import Json, Limit, Reason, noun, window
from authserver.oauth.models import Package
from authserver.registry import packages

verbs = noun("Packages: scopes that their owner publishes under one name, to be delegated together.")
Name = Annotated[str, typer.Argument(metavar="PREFIX:NAME", help="The package's name.")]


@verbs.command("add")
def add(
    name: Name,
    *,
    title: Annotated[str, typer.Option("--title", help="What consumers read.")],
    scope: Annotated[list[str], typer.Option("--scope", help="A scope in it; repeat it for several.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Publish a package of public scopes of one owner, under a prefix of that owner."""
    _done(
        lambda d: packages.add(d.store, d.actor, d.now, name=name, title=title, scopes=scope, reason=reason),
        as_json=as_json,
    )


@verbs.command("amend")
def amend(
    name: Name,
    *,
    title: Annotated[str | None, typer.Option("--title", help="What consumers read.")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="All scopes in it from now on.")] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Change a package for delegations to come; what is given stays as given."""
    _done(
        lambda d: packages.amend(d.store, d.actor, d.now, name=name, title=title, scopes=scope, reason=reason),
        as_json=as_json,
    )


@verbs.command("list")
def list_(
    owner: Annotated[str | None, typer.Option("--owner", metavar="ORGNO", help="Only those of this owner.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show packages."""
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: packages.page(d.store, window=window(limit), owner_orgno=owner))
        shown = [documents.package(record) for record in page.items]
        answer.rows(shown, ("name", "owner_orgno", "title", "scopes", "active"), "No package is published.")


@verbs.command("disable")
def disable(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Let nobody delegate a package any more; what is given stays."""
    _done(lambda d: packages.amend(d.store, d.actor, d.now, name=name, active=False, reason=reason), as_json=as_json)


@verbs.command("enable")
def enable(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Let consumers delegate a package again."""
    _done(lambda d: packages.amend(d.store, d.actor, d.now, name=name, active=True, reason=reason), as_json=as_json)


def _done(work: Callable[[Desk], Awaitable[Package]], *, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        state = "published" if changed.record.active else "deactivated"
        answer.record(f"The package is {state}.", documents.package(changed.record), changed.effect)
