"""`authserver prefix`: namespaces of scopes and their owners."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents, prefix_request
from authserver.cli.answer import answering
from authserver.cli.desk import at_desk, change_at_desk
from authserver.cli.options import Json, Reason, noun
from authserver.registry import prefixes

verbs = noun("Prefixes: namespaces of scopes, each owned by one organisation.")
verbs.command("request")(prefix_request.request)
verbs.command("requests")(prefix_request.requests)
verbs.command("approve")(prefix_request.approve)
verbs.command("deny")(prefix_request.deny)
verbs.command("withdraw")(prefix_request.withdraw)
Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="What stands before the colon of a scope name.")]
Owner = Annotated[str, typer.Argument(metavar="OWNER_ORGNO", help="Organisation number of the owner.")]


@verbs.command("add")
def add(prefix: Prefix, owner_orgno: Owner, reason: Reason = "", as_json: Json = False) -> None:
    """Give a prefix to its owner, for ever."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: prefixes.add(d.store, d.actor, d.now, prefix=prefix, owner_orgno=owner_orgno, reason=reason)
        )
        answer.record("The prefix is registered.", documents.prefix(changed.record), changed.effect)


@verbs.command("list")
def list_(as_json: Json = False) -> None:
    """Show all prefixes."""
    with answering(as_json=as_json) as answer:
        records = at_desk(lambda d: prefixes.listed(d.store, d.actor))
        shown = [documents.prefix(record) for record in records]
        answer.rows(shown, ("prefix", "owner_orgno", "active"), "No prefix is registered yet.")


@verbs.command("disable")
def disable(prefix: Prefix, reason: Reason = "", as_json: Json = False) -> None:
    """Deactivate a prefix; no token carries any of its scopes from then on."""
    _set_active(prefix, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(prefix: Prefix, reason: Reason = "", as_json: Json = False) -> None:
    """Reactivate a prefix."""
    _set_active(prefix, reason, active=True, as_json=as_json)


def _set_active(prefix: str, reason: str, *, active: bool, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: prefixes.set_active(d.store, d.actor, d.now, prefix=prefix, active=active, reason=reason)
        )
        answer.record(
            f"The prefix is {'active' if active else 'deactivated'}.", documents.prefix(changed.record), changed.effect
        )
