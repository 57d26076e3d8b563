"""`authserver scope`: rights to call APIs, one by one or from a list."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk
from authserver.cli.options import Json, Reason, noun
from authserver.cli.scope_file import import_file
from authserver.cli.scope_update import update
from authserver.oauth.models import Scope
from authserver.registry import scopes

verbs = noun("Scopes: rights to call an API, defined by the owner of the prefix.")
verbs.command("import")(import_file)
verbs.command("update")(update)
Name = Annotated[str, typer.Argument(metavar="PREFIX:SUBSCOPE", help="The scope's name.")]


@verbs.command("add")
def add(
    name: Name,
    *,
    description: Annotated[str, typer.Option("--description", help="A sentence for those who ask for access.")] = "",
    audience: Annotated[str | None, typer.Option("--audience", help="The aud of its tokens, an absolute URI.")] = None,
    delegable: Annotated[
        bool, typer.Option("--delegable", help="Consumers may delegate it to suppliers here.")
    ] = False,
    accessible_for_all: Annotated[
        bool, typer.Option("--accessible-for-all", help="Every organisation has access.")
    ] = False,
    max_age: Annotated[int, typer.Option("--max-age", help="Longest life of its tokens, seconds; 0: default.")] = 0,
    token_profile: Annotated[str | None, typer.Option("--token-profile", help="The shape of its tokens.")] = None,
    as_json: Json = False,
) -> None:
    """Define a scope under an active prefix."""

    async def work(desk: Desk) -> Scope:
        asked = Scope(
            name,
            prefix="",
            owner_orgno="",
            description=description,
            audience=audience,
            delegation_source=desk.settings.issuer if delegable else None,
            accessible_for_all=accessible_for_all,
            max_age=max_age,
            token_profile=token_profile,
        )
        return await scopes.add(desk.store, desk.actor, desk.now, scope=asked)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record("The scope is defined.", documents.scope(changed.record), changed.effect)


@verbs.command("list")
def list_(
    prefix: Annotated[str | None, typer.Option("--prefix", help="Only those under this prefix.")] = None,
    as_json: Json = False,
) -> None:
    """Show all scopes."""
    with answering(as_json=as_json) as answer:
        records = at_desk(lambda d: scopes.listed(d.store, d.actor, prefix=prefix))
        shown = [documents.scope(record) for record in records]
        columns = ("name", "owner_orgno", "active", "accessible_for_all", "delegation_source", "audience")
        answer.rows(shown, columns, "No scope is defined yet.")


@verbs.command("disable")
def disable(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Deactivate a scope; no token carries it from then on."""
    _set_active(name, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Reactivate a scope; access granted and registrations are as before."""
    _set_active(name, reason, active=True, as_json=as_json)


def _set_active(name: str, reason: str, *, active: bool, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: scopes.set_active(d.store, d.actor, d.now, name=name, active=active, reason=reason)
        )
        state = "active" if active else "deactivated"
        answer.record(f"The scope is {state}.", documents.scope(changed.record), changed.effect)
