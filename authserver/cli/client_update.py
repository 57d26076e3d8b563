"""`authserver client update`: other terms for a client."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import change_at_desk
from authserver.cli.options import Json, Reason
from authserver.registry import clients


def update(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="The scopes it may ask for from now on; repeat it for several.")
    ] = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="It may ask for no scope.")] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Its request profile; an empty one means the server's.")
    ] = None,
    token_lifetime: Annotated[
        int | None, typer.Option("--token-lifetime", help="Life of its tokens, seconds; 0: the profile's default.")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Change what is named of a client and leave the rest; scopes named replace those it has."""
    if scope and no_scopes:
        raise typer.BadParameter("--scope and --no-scopes contradict each other")
    scopes = [] if no_scopes else scope or None
    terms = clients.ClientAmendment(name, scopes, profile=profile, token_lifetime=token_lifetime)
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: clients.amend(d.store, d.actor, d.now, client_id=client_id, terms=terms, reason=reason)
        )
        answer.record("The client is as follows.", documents.client(changed.record), changed.effect)
