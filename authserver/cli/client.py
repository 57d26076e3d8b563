"""`authserver client`: OAuth clients of organisations; `client key` is a group of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import client_key, documents
from authserver.cli.answer import answering
from authserver.cli.client_key import Jwk, Kid, Pem
from authserver.cli.client_update import update
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Reason, noun
from authserver.oauth.models import Client
from authserver.registry import clients

verbs = noun("Clients: what an organisation's systems are registered as.")
verbs.command("update")(update)
verbs.add_typer(client_key.verbs, name="key")
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")]


@verbs.command("add")
def add(
    *,
    org: Annotated[str, typer.Option("--org", metavar="ORGNO", help="Organisation number of its owner.")],
    scope: Annotated[list[str], typer.Option("--scope", help="A scope it may ask for; repeat it for several.")],
    client_id: Annotated[str | None, typer.Option("--client-id", help="Its id; made up when absent.")] = None,
    name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    jwk: Jwk = None,
    pem: Pem = None,
    kid: Kid = None,
    profile: Annotated[str | None, typer.Option("--profile", help="Its request profile; else the server's.")] = None,
    as_json: Json = False,
) -> None:
    """Register a client, with its first key if one is given."""
    client_key.one_at_most(jwk, pem, kid)

    async def work(desk: Desk) -> Client:
        offer = client_key.offer(desk, jwk, pem, kid) if jwk or pem else None
        new = clients.NewClient(org, scope, client_id, name, profile, offer)
        return await clients.add(desk.store, desk.actor, desk.now, new=new, new_id=new_id)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record("The client is registered.", documents.client(changed.record), changed.effect)


@verbs.command("list")
def list_(
    org: Annotated[str | None, typer.Option("--org", metavar="ORGNO", help="Only those of this organisation.")] = None,
    as_json: Json = False,
) -> None:
    """Show all clients."""
    with answering(as_json=as_json) as answer:
        records = at_desk(lambda d: clients.listed(d.store, d.actor, orgno=org))
        shown = [documents.client(record) for record in records]
        answer.rows(shown, ("client_id", "orgno", "name", "active", "scopes"), "No client is registered yet.")


@verbs.command("show")
def show(client_id: ClientId, as_json: Json = False) -> None:
    """Show one client with its scopes and keys."""
    with answering(as_json=as_json) as answer:
        record = at_desk(lambda d: clients.read(d.store, d.actor, client_id=client_id))
        answer.record(f"Client of {record.orgno}", documents.client(record))


@verbs.command("disable")
def disable(client_id: ClientId, reason: Reason = "", as_json: Json = False) -> None:
    """Deactivate a client; it gets no token from then on."""
    _set_active(client_id, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(client_id: ClientId, reason: Reason = "", as_json: Json = False) -> None:
    """Reactivate a client."""
    _set_active(client_id, reason, active=True, as_json=as_json)


def _set_active(client_id: str, reason: str, *, active: bool, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: clients.set_active(d.store, d.actor, d.now, client_id=client_id, active=active, reason=reason)
        )
        state = "active" if active else "deactivated"
        answer.record(f"The client is {state}.", documents.client(changed.record), changed.effect)
