"""Dead letters: changes that a webhook was not told of, to be read and to be sent again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.feeds import DeadLetter
from authserver.oauth.models import Webhook
from authserver.registry import rights, text
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore

MOST_AT_ONCE: Final = 200


async def page(store: RegistryStore, actor: Actor, *, webhook_id: str, window: Window) -> Page[DeadLetter]:
    """What a webhook of the actor's was not told of, by the number of the change. Raises Refusal NOT_FOUND."""
    shown = window.bounded
    async with store.reading() as reader:
        await rights.webhook(reader, actor, webhook_id)
    found = await store.dead_letters(webhook_id, shown.and_one_more)
    return paged(found, shown, lambda letter: (str(letter.seq),))


async def send_again(
    store: RegistryStore, actor: Actor, now: int, *, webhook_id: str, seqs: Collection[int], reason: str = ""
) -> Webhook:
    """Let dead letters of an active webhook be sent once more, beside what it is told in order; return the webhook.

    One that is taken is gone, one that is not stays. Raises Refusal INVALID, NOT_FOUND or CONFLICT.
    """
    if not 0 < len(seqs) <= MOST_AT_ONCE:
        raise text.invalid(f"At least one letter is named, and at most {MOST_AT_ONCE} at once")
    async with rights.change(store, actor, now, reason) as change:
        webhook = await rights.webhook(change, actor, webhook_id)
        if not webhook.active:
            raise Refusal(Reason.CONFLICT, value="The webhook is deactivated; reactivate it first")
        # The record stays as it is; put, the change log says who asked.
        await change.put(webhook)
        if await change.send_again(webhook.id, set(seqs)) != len(set(seqs)):
            raise rights.unknown("dead letter")
    return webhook
