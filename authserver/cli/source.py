"""`authserver source`: registers of delegations that other authorities keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk
from authserver.cli.options import Json, Limit, Reason, noun, window
from authserver.oauth.models import DelegationSource
from authserver.registry import delegation_sources

verbs = noun("Sources: registers of delegations that other authorities keep.")
Issuer = Annotated[str, typer.Argument(metavar="ISSUER", help="The other authority's issuer, as scopes name it.")]


@verbs.command("add")
def add(
    issuer: Issuer,
    *,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    lookup_url: Annotated[str, typer.Option("--lookup-url", help="Where delegations are looked up.")],
    token_scope: Annotated[str, typer.Option("--token-scope", help="The scope of our own token for that.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Rely on a register for the scopes that name it."""
    new = DelegationSource(issuer, name, lookup_url, token_scope)
    _done(
        lambda d: delegation_sources.add(d.store, d.actor, d.now, source=new, own=d.settings.issuer, reason=reason),
        as_json=as_json,
    )


@verbs.command("list")
def list_(limit: Limit = 100, as_json: Json = False) -> None:
    """Show registers, deactivated ones too."""
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: delegation_sources.page(d.store, d.actor, window=window(limit)))
        shown = [documents.source(record) for record in page.items]
        answer.rows(shown, ("issuer", "name", "lookup_url", "token_scope", "active"), "There is no other register.")


@verbs.command("disable")
def disable(issuer: Issuer, reason: Reason = "", as_json: Json = False) -> None:
    """Stop relying on a register; from then on it proves nothing."""
    _set_active(issuer, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(issuer: Issuer, reason: Reason = "", as_json: Json = False) -> None:
    """Rely on a register again."""
    _set_active(issuer, reason, active=True, as_json=as_json)


def _set_active(issuer: str, reason: str, *, active: bool, as_json: bool) -> None:
    _done(
        lambda d: delegation_sources.set_active(d.store, d.actor, d.now, issuer=issuer, active=active, reason=reason),
        as_json=as_json,
    )


def _done(work: Callable[[Desk], Awaitable[DelegationSource]], *, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        state = "active" if changed.record.active else "deactivated"
        answer.record(f"The register is {state}.", documents.source(changed.record), changed.effect)
