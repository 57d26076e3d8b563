"""`authserver webhook`: where organisations are told of changes."""

from __future__ import annotations

from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Limit, Orgno, Reason, noun, window
from authserver.oauth.feeds import DeadLetter
from authserver.registry import dead_letters, webhooks
from authserver.registry.telling import new_secret

verbs = noun("Webhooks: where an organisation is told of the changes that concern it.")
WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


@verbs.command("add")
def add(
    orgno: Orgno,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to tell it, https.")],
    *,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="A kind of record to tell of; repeatable.")] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Register a webhook; the secret of its signatures is shown only now."""

    async def work(desk: Desk) -> webhooks.Registered:
        new = webhooks.NewWebhook(orgno, url, kind or ())
        return await webhooks.add(
            desk.store,
            desk.actor,
            desk.now,
            new=new,
            new_id=new_id,
            new_secret=new_secret,
            anywhere=desk.examples_allowed,
            reason=reason,
        )

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        document = {**documents.case(changed.record.webhook), "secret": changed.record.secret}
        answer.record("The webhook is registered; keep its secret, it is not shown again.", document, changed.effect)


@verbs.command("list")
def list_(
    org: Annotated[str | None, typer.Option("--org", metavar="ORGNO", help="Only those of this organisation.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show webhooks."""
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: webhooks.page(d.store, d.actor, window=window(limit), orgno=org))
        shown = [documents.case(record) for record in page.items]
        answer.rows(shown, ("id", "orgno", "url", "kinds", "active"), "No webhook is registered.")


@verbs.command("show")
def show(webhook_id: WebhookId, as_json: Json = False) -> None:
    """Show one webhook, without its secret."""
    with answering(as_json=as_json) as answer:
        record = at_desk(lambda d: webhooks.read(d.store, d.actor, webhook_id=webhook_id))
        answer.record(f"The webhook is {'active' if record.active else 'deactivated'}.", documents.case(record))


@verbs.command("disable")
def disable(webhook_id: WebhookId, reason: Reason = "", as_json: Json = False) -> None:
    """Deactivate a webhook."""
    _set_active(webhook_id, reason, active=False, as_json=as_json)


@verbs.command("enable")
def enable(webhook_id: WebhookId, reason: Reason = "", as_json: Json = False) -> None:
    """Reactivate a webhook; it is told of what it missed."""
    _set_active(webhook_id, reason, active=True, as_json=as_json)


@verbs.command("letters")
def letters(webhook_id: WebhookId, limit: Limit = 100, as_json: Json = False) -> None:
    """Show what a webhook was not told of: changes that were given up after a day."""
    with answering(as_json=as_json) as answer:
        page = at_desk(lambda d: dead_letters.page(d.store, d.actor, webhook_id=webhook_id, window=window(limit)))
        shown = [_letter(webhook_id, letter) for letter in page.items]
        answer.rows(shown, ("seq", "message_id", "given_up_at", "fault"), "It was told of everything.")


@verbs.command("resend")
def resend(
    webhook_id: WebhookId,
    seqs: Annotated[list[int], typer.Argument(metavar="SEQ...", help="The numbers of the letters.", min=1)],
    *,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Send what was given up once more, beside what comes in order."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: dead_letters.send_again(d.store, d.actor, d.now, webhook_id=webhook_id, seqs=seqs, reason=reason)
        )
        answer.record("The letters will be sent again.", documents.case(changed.record), changed.effect)


def _letter(webhook_id: str, letter: DeadLetter) -> documents.Document:
    return {
        "seq": letter.seq,
        "message_id": f"{webhook_id}.{letter.seq}",
        "given_up_at": letter.at or None,
        "fault": letter.fault,
    }


def _set_active(webhook_id: str, reason: str, *, active: bool, as_json: bool) -> None:
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: webhooks.set_active(d.store, d.actor, d.now, webhook_id=webhook_id, active=active, reason=reason)
        )
        state = "active" if active else "deactivated"
        answer.record(f"The webhook is {state}.", documents.case(changed.record), changed.effect)
