"""`authserver delegation`: mandates from consumers to suppliers."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Reason, noun, seconds
from authserver.oauth.models import Delegation
from authserver.registry import delegations

verbs = noun("Delegations: what suppliers may do on behalf of consumers.")
Consumer = Annotated[str, typer.Option("--consumer", metavar="ORGNO", help="Organisation number of who delegates.")]
Supplier = Annotated[str, typer.Option("--supplier", metavar="ORGNO", help="Organisation number of who acts.")]


@verbs.command("add")
def add(
    consumer: Consumer,
    supplier: Supplier,
    scope: Annotated[list[str], typer.Option("--scope", help="A scope to delegate; repeat it for several.")],
    valid_to: Annotated[
        str | None, typer.Option("--valid-to", metavar="ISO8601", help="When it ends; in a year when absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let a supplier use scopes on behalf of a consumer."""
    end = None if valid_to is None else seconds(valid_to)

    async def work(desk: Desk) -> Delegation:
        new = delegations.NewDelegation(consumer, supplier, scope, end)
        issuer = desk.settings.issuer
        return await delegations.add(desk.store, desk.actor, desk.now, new=new, issuer=issuer, new_id=new_id)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record("The delegation is active.", documents.delegation(changed.record), changed.effect)


@verbs.command("revoke")
def revoke(
    delegation_id: Annotated[str, typer.Argument(metavar="ID", help="The delegation's id.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """End a delegation at once and for ever."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: delegations.revoke(d.store, d.actor, d.now, delegation_id=delegation_id, reason=reason)
        )
        answer.record("The delegation is revoked.", documents.delegation(changed.record), changed.effect)


@verbs.command("list")
def list_(
    consumer: Annotated[str | None, typer.Option("--consumer", metavar="ORGNO", help="Only those given by it.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", metavar="ORGNO", help="Only those held by it.")] = None,
    as_json: Json = False,
) -> None:
    """Show delegations, revoked ones too."""
    with answering(as_json=as_json) as answer:
        records = at_desk(
            lambda d: delegations.listed(d.store, d.actor, consumer_orgno=consumer, supplier_orgno=supplier)
        )
        shown = [documents.delegation(record) for record in records]
        columns = ("id", "consumer_orgno", "supplier_orgno", "scopes", "valid_to", "status")
        answer.rows(shown, columns, "There is no delegation.")
