"""`authserver delegation`: mandates from consumers to suppliers."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import delegation_steps as steps
from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.delegation_file import export_file, import_file
from authserver.cli.delegation_proof import statement, verify
from authserver.cli.delegation_use import use
from authserver.cli.desk import at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Reason, noun, seconds
from authserver.registry import delegations

verbs = noun("Delegations: what suppliers may do on behalf of consumers.")
verbs.command("use")(use)
verbs.command("import")(import_file)
verbs.command("export")(export_file)
verbs.command("statement")(statement)
verbs.command("verify")(verify)


verbs.command("propose")(steps.propose)
verbs.command("accept")(steps.accept)
verbs.command("decline")(steps.decline)
verbs.command("consent")(steps.consent)
verbs.command("suspend")(steps.suspend)
verbs.command("resume")(steps.resume)
verbs.command("redelegate")(steps.redelegate)
verbs.command("show")(steps.show)


@verbs.command("add")
def add(
    *,
    consumer: steps.Consumer,
    supplier: steps.Supplier,
    scope: steps.Scopes = None,
    package: steps.PackageName = None,
    valid_to: steps.ValidTo = None,
    purpose: steps.Purpose = "",
    mandate: steps.Mandate = "",
    as_json: Json = False,
) -> None:
    """Let a supplier use scopes on behalf of a consumer; it waits where an owner must consent."""
    wanted = steps.asked(scope, package)
    end = None if valid_to is None else seconds(valid_to)
    new = delegations.NewDelegation(consumer, supplier, wanted, end, package, purpose, mandate)
    steps.done(
        lambda d: delegations.add(d.store, d.actor, d.now, new=new, issuer=d.settings.issuer, new_id=new_id),
        as_json=as_json,
    )


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
