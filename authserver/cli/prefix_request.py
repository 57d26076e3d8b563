"""`authserver prefix request|requests|approve|deny|withdraw`: prefixes that organisations ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Limit, Reason, State, window
from authserver.oauth.models import PrefixRequest
from authserver.registry import prefix_requests

RequestId = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]
_COLUMNS = ("id", "prefix", "orgno", "state", "purpose", "asked_at")


def request(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="What stands before the colon of a scope name.")],
    orgno: Annotated[str, typer.Argument(metavar="ORGNO", help="Organisation number of who asks.")],
    *,
    purpose: Annotated[str, typer.Option("--purpose", help="What the prefix is needed for.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Ask for a prefix on behalf of an organisation; one that looks like another's is refused."""
    new = prefix_requests.NewPrefixRequest(prefix, orgno, purpose)
    _do(lambda d: prefix_requests.ask(d.store, d.actor, d.now, new=new, new_id=new_id, reason=reason), as_json=as_json)


def requests(
    org: Annotated[str | None, typer.Option("--org", metavar="ORGNO", help="Only those of this organisation.")] = None,
    state: State = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show requests for prefixes."""
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: prefix_requests.page(d.store, d.actor, window=window(limit), orgno=org, state=state))
        answer.rows([documents.case(record) for record in page.items], _COLUMNS, "There is no such request.")


def approve(request_id: RequestId, reason: Reason = "", as_json: Json = False) -> None:
    """Give the prefix to whoever asked for it, for ever."""
    _do(
        lambda d: prefix_requests.approve(d.store, d.actor, d.now, request_id=request_id, answer=reason),
        as_json=as_json,
    )


def deny(
    request_id: RequestId,
    reason: Annotated[str, typer.Option("--reason", help="Why, for who asked and the change log.")],
    as_json: Json = False,
) -> None:
    """Refuse the prefix."""
    _do(lambda d: prefix_requests.deny(d.store, d.actor, d.now, request_id=request_id, answer=reason), as_json=as_json)


def withdraw(request_id: RequestId, reason: Reason = "", as_json: Json = False) -> None:
    """Take a request for a prefix back that nobody has decided."""
    _do(
        lambda d: prefix_requests.withdraw(d.store, d.actor, d.now, request_id=request_id, reason=reason),
        as_json=as_json,
    )


def _do(work: Callable[[Desk], Awaitable[PrefixRequest]], *, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record(f"The request is {changed.record.state}.", documents.case(changed.record), changed.effect)
