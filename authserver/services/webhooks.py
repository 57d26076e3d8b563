"""Telling webhooks what has changed: in order, at least once, by one node at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from authserver.oauth.feeds import LoggedChange
from authserver.oauth.models import Webhook
from authserver.registry import telling
from authserver.registry.paging import Window
from authserver.services.posting import NotDeliveredError
from authserver.storage.registry_store import SqlRegistryStore
from authserver.storage.webhook_progress import Due, SqlWebhookProgress

LEASE: Final = "webhooks"
LEASE_SECONDS: Final = 60
# Well before the lease ends, so that two nodes never tell the same webhook at once.
ROUND_SECONDS: Final = 40.0
WEBHOOKS_PER_ROUND: Final = 64
MESSAGES_PER_ROUND: Final = 20
_AT_ONCE: Final = 8

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """Tells webhooks what concerns their organisations, as far as they have not been told.

    A webhook is told of one change after the other. One that fails is tried again later, at longer and longer
    intervals, and nothing else is told in between; after a day it is given up and becomes a dead letter. A letter that
    somebody asked for again is sent once, beside what is told in order.
    """

    store: SqlRegistryStore
    progress: SqlWebhookProgress
    post: Post
    holder: str
    clock: Callable[[], int]

    async def round(self) -> None:
        """Tell whoever is due, unless another node does. Raises Unavailable."""
        now = self.clock()
        due = await self.progress.due(now, WEBHOOKS_PER_ROUND)
        again = await self.progress.asked_again(WEBHOOKS_PER_ROUND)
        if not (due or again) or not await self.progress.lease(LEASE, self.holder, now, now + LEASE_SECONDS):
            return
        places = asyncio.Semaphore(_AT_ONCE)
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_SECONDS), asyncio.TaskGroup() as group:
                for overdue in due:
                    group.create_task(self._tell(overdue, places))
                for webhook, secret in again:
                    group.create_task(self._send_again(webhook, secret, places))

    async def _tell(self, due: Due, places: asyncio.Semaphore) -> None:
        async with places:
            window = Window((str(due.seq),), MESSAGES_PER_ROUND)
            changes = await self.store.changes(window, due.webhook.orgno)
            failures = due.failures
            for change in changes:
                if not telling.wanted(change, due.webhook.kinds):
                    continue
                try:
                    await self._post(due.webhook, due.secret, change)
                except NotDeliveredError as fault:
                    await self._fail(due, change.seq, failures + 1, str(fault))
                    return
                await self.progress.told(due.webhook.id, change.seq, self.clock())
                failures = 0
            # With room left there is nothing else up to the newest change there was; it need not be looked at again.
            last = [change.seq for change in changes[-1:]]
            seen = last if len(changes) == MESSAGES_PER_ROUND else [due.newest, *last]
            await self.progress.told(due.webhook.id, max(seen), self.clock())

    async def _send_again(self, webhook: Webhook, secret: str, places: asyncio.Semaphore) -> None:
        async with places:
            for seq in await self.progress.waiting(webhook.id, MESSAGES_PER_ROUND):
                try:
                    await self._post(webhook, secret, await self._change(webhook, seq))
                except NotDeliveredError as fault:
                    await self.progress.not_taken(webhook.id, seq, self.clock(), str(fault))
                else:
                    await self.progress.taken(webhook.id, seq)

    async def _change(self, webhook: Webhook, seq: int) -> LoggedChange:
        for change in await self.store.changes(Window((str(seq - 1),), 1), webhook.orgno):
            if change.seq == seq:
                return change
        raise NotDeliveredError("the change concerns it no more")

    async def _post(self, webhook: Webhook, secret: str, change: LoggedChange) -> None:
        message = telling.body(change)
        signed = telling.headers(secret, f"{webhook.id}.{change.seq}", self.clock(), message)
        await self.post(webhook.url, signed, message)

    async def _fail(self, due: Due, seq: int, failures: int, fault: str) -> None:
        now, pause = self.clock(), telling.pause(failures)
        if pause is None:
            await self.progress.give_up(due.webhook.id, seq, now, fault)
        else:
            await self.progress.failed(due.webhook.id, failures, now + pause, fault)
