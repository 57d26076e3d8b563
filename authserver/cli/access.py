"""`authserver access`: which consumers may have which scopes."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import at_desk, change_at_desk
from authserver.cli.options import Json, Reason, noun
from authserver.registry import access

verbs = noun("Access: the scope owner's answer to whether a consumer may have a scope.")
Scope = Annotated[str, typer.Argument(metavar="SCOPE", help="The scope's name.")]
Consumer = Annotated[str, typer.Argument(metavar="CONSUMER_ORGNO", help="Organisation number of the consumer.")]


@verbs.command("grant")
def grant(scope: Scope, consumer_orgno: Consumer, reason: Reason = "", as_json: Json = False) -> None:
    """Let a consumer have a scope."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: access.grant(d.store, d.actor, d.now, scope=scope, consumer_orgno=consumer_orgno, reason=reason)
        )
        answer.record("The consumer has access.", documents.access(changed.record), changed.effect)


@verbs.command("revoke")
def revoke(scope: Scope, consumer_orgno: Consumer, reason: Reason = "", as_json: Json = False) -> None:
    """Take a scope from a consumer; no token carries it from then on."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: access.revoke(d.store, d.actor, d.now, scope=scope, consumer_orgno=consumer_orgno, reason=reason)
        )
        answer.record("The consumer has no access.", documents.access(changed.record), changed.effect)


@verbs.command("deny")
def deny(
    scope: Scope,
    consumer_orgno: Consumer,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the consumer and the change log.")],
    as_json: Json = False,
) -> None:
    """Refuse a consumer a scope it asked for or had, and say why."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: access.deny(d.store, d.actor, d.now, scope=scope, consumer_orgno=consumer_orgno, reason=reason)
        )
        answer.record("The consumer has no access.", documents.access(changed.record), changed.effect)


@verbs.command("list")
def list_(
    scope: Annotated[str | None, typer.Option("--scope", help="Only access to this scope.")] = None,
    consumer: Annotated[str | None, typer.Option("--consumer", help="Only access of this organisation.")] = None,
    as_json: Json = False,
) -> None:
    """Show who has, had or asked for access."""
    with answering(as_json=as_json) as answer:
        records = at_desk(lambda d: access.listed(d.store, d.actor, scope=scope, consumer_orgno=consumer))
        shown = [documents.access(record) for record in records]
        answer.rows(shown, ("scope", "consumer_orgno", "state"), "No access has been granted or asked for.")
