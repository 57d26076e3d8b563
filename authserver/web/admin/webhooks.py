"""`/api/v1/webhooks`: where the caller's organisation is told of changes, and what it was not told of."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from authserver.oauth.feeds import DeadLetter
from authserver.oauth.limits import JSON_INTEGER
from authserver.oauth.models import Webhook
from authserver.registry import dead_letters, rights, webhooks
from authserver.registry.telling import new_secret
from authserver.web.admin.body import StrictRoute
from authserver.web.admin.calling import Reading, Writing, creates, reads, writes
from authserver.web.admin.changes import READ
from authserver.web.admin.documents import Closed
from authserver.web.admin.pages import Page, Paged, changed, tag, tagged
from authserver.web.admin.rehearsed import Rehearsed

WRITE: Final = ("dcr.write", "dcr.modify", "scopes.write", "delegations.write")
NOT_KEPT: Final = "The secret was in the first answer to this Idempotency-Key, and is not kept for another."
WebhookReads = Annotated[Reading, Depends(reads(*READ))]
WebhookWrites = Annotated[Writing, Depends(writes(*WRITE))]
WebhookCreates = Annotated[Writing, Depends(creates(*WRITE))]
router = APIRouter(tags=["webhooks"], route_class=StrictRoute)


class NewWebhook(Closed):
    """Where to tell of which kinds of records; without `kinds`, of every kind."""

    url: str
    kinds: list[str] = Field(default=[], max_length=50)
    orgno: str | None = Field(default=None, description="The caller's own organisation unless the operator.")


class WebhookChange(Closed):
    """What is to be different."""

    active: bool


class WebhookDocument(BaseModel):
    """Where an organisation is told of changes."""

    id: str
    orgno: str
    url: str
    kinds: list[str]
    active: bool


class RegisteredWebhook(WebhookDocument):
    """A new webhook, with the secret of its signatures, which is told this once.

    A create that is answered again has null for it, and says so in `notice`.
    """

    secret: str | None
    notice: str | None = None


class DeadLetterDocument(BaseModel):
    """A change, by its number, that the webhook was not told of; times are seconds since 1970."""

    seq: int
    message_id: str = Field(description="The `webhook-id` of its message.")
    given_up_at: int | None = Field(description="Null while it waits to be sent again.")
    fault: str


class Letters(Closed):
    """Which dead letters to send again."""

    seqs: list[Annotated[int, Field(ge=0, le=JSON_INTEGER)]] = Field(min_length=1, max_length=200)


def _members(found: Webhook) -> dict[str, Any]:
    return {"id": found.id, "orgno": found.orgno, "url": found.url, "kinds": list(found.kinds), "active": found.active}


def _document(found: Webhook) -> WebhookDocument:
    return WebhookDocument(**_members(found))


@router.get("/webhooks", response_model=Page[WebhookDocument])
async def list_webhooks(
    call: WebhookReads,
    paging: Paged,
    orgno: Annotated[str | None, Query(description="For the operator: only those of this organisation.")] = None,
) -> Response:
    """Webhooks of the caller's organisation, by id."""
    found = await webhooks.page(call.store, call.actor, window=paging.window(call), orgno=orgno)
    return paging.answer(call, found, _document)


@router.post("/webhooks", status_code=201, response_model=RegisteredWebhook | Rehearsed)
async def add_webhook(body: NewWebhook, call: WebhookCreates) -> Response:
    """Register a webhook, which is told of every change from now on. Its secret is told only in this answer."""
    made = await webhooks.add(
        call.store,
        call.actor,
        call.now,
        new=webhooks.NewWebhook(body.orgno or call.actor.orgno, body.url, body.kinds),
        new_id=call.new_id,
        new_secret=new_secret,
        anywhere=call.parts.examples_allowed,
        reason=call.reason,
    )
    members = _members(made.webhook)
    shown = RegisteredWebhook(**members, secret=made.secret)
    headers = {**tag(made.webhook), "location": f"/api/v1/webhooks/{made.webhook.id}"}
    again = RegisteredWebhook(**members, secret=None, notice=NOT_KEPT)
    return await call.answer(shown, 201, headers, kept=again)


@router.get("/webhooks/{webhook_id}", response_model=WebhookDocument)
async def read_webhook(webhook_id: str, request: Request, call: WebhookReads) -> Response:
    """One webhook; its secret is never shown again."""
    found = await webhooks.read(call.store, call.actor, webhook_id=webhook_id)
    return tagged(request, found, _document(found))


@router.patch("/webhooks/{webhook_id}", response_model=WebhookDocument | Rehearsed)
async def change_webhook(webhook_id: str, body: WebhookChange, call: WebhookWrites) -> Response:
    """Deactivate a webhook, or reactivate it: then it is told of what it missed. Needs If-Match."""
    store = call.guard(lambda change: rights.webhook(change, call.actor, webhook_id))
    amended = await webhooks.set_active(
        store, call.actor, call.now, webhook_id=webhook_id, active=body.active, reason=call.reason
    )
    return await changed(call, amended, _document(amended))


@router.get("/webhooks/{webhook_id}/dead-letters", response_model=Page[DeadLetterDocument])
async def list_dead_letters(webhook_id: str, call: WebhookReads, paging: Paged) -> Response:
    """Changes that the webhook was not told of, for a day of failures, by number."""
    window = paging.window(call)
    found = await dead_letters.page(call.store, call.actor, webhook_id=webhook_id, window=window)

    def shown(letter: DeadLetter) -> DeadLetterDocument:
        message_id = f"{webhook_id}.{letter.seq}"
        return DeadLetterDocument(
            seq=letter.seq, message_id=message_id, given_up_at=letter.at or None, fault=letter.fault
        )

    return paging.answer(call, found, shown)


@router.post("/webhooks/{webhook_id}/dead-letters/resend", response_model=WebhookDocument | Rehearsed)
async def resend_dead_letters(webhook_id: str, body: Letters, call: WebhookWrites) -> Response:
    """Send dead letters once more; one that is taken is gone from the list, one that is not stays in it."""
    store = call.guard(lambda change: rights.webhook(change, call.actor, webhook_id), required=False)
    webhook = await dead_letters.send_again(
        store, call.actor, call.now, webhook_id=webhook_id, seqs=body.seqs, reason=call.reason
    )
    return await changed(call, webhook, _document(webhook))
