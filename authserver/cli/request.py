"""`authserver request`: what consumers asked of scope owners, and the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Limit, Reason, State, noun, window
from authserver.oauth.models import AccessRequest
from authserver.registry import access_requests

verbs = noun("Requests for access: a consumer asks for a scope, its owner or the owner's rule answers.")
RequestId = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]
_COLUMNS = ("id", "scope", "consumer_orgno", "state", "purpose", "asked_at")


@verbs.command("add")
def add(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="The scope's name.")],
    consumer_orgno: Annotated[str, typer.Argument(metavar="CONSUMER_ORGNO", help="Organisation number of who asks.")],
    *,
    purpose: Annotated[str, typer.Option("--purpose", help="What the scope is needed for.")],
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="What allows the consumer to have it.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Ask for a scope on behalf of a consumer; the owner's rule may approve at once."""
    new = access_requests.NewAccessRequest(scope, consumer_orgno, purpose, legal_basis)
    _do(lambda d: access_requests.ask(d.store, d.actor, d.now, new=new, new_id=new_id, reason=reason), as_json=as_json)


@verbs.command("list")
def list_(
    owner: Annotated[str | None, typer.Option("--owner", metavar="ORGNO", help="Only for scopes it owns.")] = None,
    consumer: Annotated[str | None, typer.Option("--consumer", metavar="ORGNO", help="Only those it made.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="Only for this scope.")] = None,
    state: State = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show requests: those to one owner, those of one consumer, or all."""
    if owner is not None and consumer is not None:
        raise typer.BadParameter("name the owner or the consumer, not both")
    with answering(as_json=as_json) as answer:
        page = at_desk(
            lambda d: (
                access_requests.received(
                    d.store, d.actor, window=window(limit), owner_orgno=owner, scope=scope, state=state
                )
                if consumer is None
                else access_requests.made(
                    d.store, d.actor, window=window(limit), orgno=consumer, scope=scope, state=state
                )
            )
        )
        answer.rows([documents.case(record) for record in page.items], _COLUMNS, "There is no such request.")


@verbs.command("show")
def show(request_id: RequestId, as_json: Json = False) -> None:
    """Show one request."""
    with answering(as_json=as_json) as answer:
        record = at_desk(lambda d: access_requests.read(d.store, d.actor, request_id=request_id))
        answer.record(f"The request is {record.state}.", documents.case(record))


@verbs.command("approve")
def approve(request_id: RequestId, reason: Reason = "", as_json: Json = False) -> None:
    """Let the consumer have the scope."""
    _do(
        lambda d: access_requests.approve(d.store, d.actor, d.now, request_id=request_id, answer=reason),
        as_json=as_json,
    )


@verbs.command("deny")
def deny(
    request_id: RequestId,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the consumer and the change log.")],
    as_json: Json = False,
) -> None:
    """Refuse the consumer the scope."""
    _do(lambda d: access_requests.deny(d.store, d.actor, d.now, request_id=request_id, answer=reason), as_json=as_json)


@verbs.command("withdraw")
def withdraw(request_id: RequestId, reason: Reason = "", as_json: Json = False) -> None:
    """Take a request back that nobody has decided."""
    _do(
        lambda d: access_requests.withdraw(d.store, d.actor, d.now, request_id=request_id, reason=reason),
        as_json=as_json,
    )


def _do(work: Callable[[Desk], Awaitable[AccessRequest]], *, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record(f"The request is {changed.record.state}.", documents.case(changed.record), changed.effect)
