"""`authserver org`: the organisations that may own, consume and be delegated to."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents, organisation_quota
from authserver.cli.answer import answering
from authserver.cli.desk import at_desk, change_at_desk
from authserver.cli.options import Json, Orgno, Reason, noun
from authserver.registry import organisations

verbs = noun("Organisations, known by their numbers.")
verbs.command("quota")(organisation_quota.quota)
Name = Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")]


@verbs.command("add")
def add(orgno: Orgno, name: Name, as_json: Json = False) -> None:
    """Register an organisation."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(lambda d: organisations.add(d.store, d.actor, d.now, orgno=orgno, name=name))
        answer.record("The organisation is registered.", documents.organisation(changed.record), changed.effect)


@verbs.command("rename")
def rename(orgno: Orgno, name: Name, as_json: Json = False) -> None:
    """Change an organisation's name."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(lambda d: organisations.rename(d.store, d.actor, d.now, orgno=orgno, name=name))
        answer.record("The organisation is renamed.", documents.organisation(changed.record), changed.effect)


@verbs.command("list")
def list_(as_json: Json = False) -> None:
    """Show all organisations."""
    with answering(as_json=as_json) as answer:
        records = at_desk(lambda d: organisations.listed(d.store, d.actor))
        shown = [documents.organisation(record) for record in records]
        answer.rows(shown, ("orgno", "name", "active"), "No organisation is registered yet.")


@verbs.command("disable")
def disable(orgno: Orgno, reason: Reason = "", as_json: Json = False) -> None:
    """Deactivate an organisation; no token is issued to it or in its name from then on."""
    _set_active(orgno, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(orgno: Orgno, reason: Reason = "", as_json: Json = False) -> None:
    """Reactivate an organisation."""
    _set_active(orgno, reason, active=True, as_json=as_json)


def _set_active(orgno: str, reason: str, *, active: bool, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: organisations.set_active(d.store, d.actor, d.now, orgno=orgno, active=active, reason=reason)
        )
        state = "active" if active else "deactivated"
        answer.record(f"The organisation is {state}.", documents.organisation(changed.record), changed.effect)
