"""How far each webhook has been told, what was given up, and which node does the telling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from authserver.oauth.models import Webhook
from authserver.storage import rows
from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.reading import mappings
from authserver.storage.schema import (
    leases,
    organisations,
    registry_changes,
    webhook_dead_letters,
    webhook_progress,
    webhooks,
)

PART: Final = "registry"
DEAD_LETTERS_KEPT: Final = 1_000


class Due(NamedTuple):
    """A webhook that may have something to be told: changes after `seq`, up to `newest`."""

    webhook: Webhook
    secret: str
    seq: int
    newest: int
    failures: int


class SqlWebhookProgress:
    """Fills the port Progress. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: int, limit: int) -> Sequence[Due]:
        """Active webhooks of active organisations that have not been told all, the longest overdue first."""
        newest = select(func.coalesce(func.max(registry_changes.c.seq), 0)).scalar_subquery()
        mine = webhook_progress.c
        query = (
            select(webhooks, mine.secret, mine.seq, mine.attempts, newest.label("newest"))
            .join(webhook_progress, mine.webhook_id == webhooks.c.id)
            .join(organisations, organisations.c.orgno == webhooks.c.orgno)
            .where(webhooks.c.active, organisations.c.active, mine.due_at <= now, mine.seq < newest)
            .order_by(mine.due_at, webhooks.c.id)
            .limit(limit)
        )
        with answering(PART):
            async with self._database.read() as connection:
                found = [dict(row) for row in await mappings(connection, query)]
        return [
            Due(
                secret=row.pop("secret"),
                seq=row.pop("seq"),
                newest=row.pop("newest"),
                failures=row.pop("attempts"),
                webhook=rows.webhook(row),  # type: ignore[arg-type]
            )
            for row in found
        ]

    async def told(self, webhook_id: str, seq: int, now: int) -> None:
        """Note that a webhook has been told all up to a change."""
        await self._note(webhook_id, seq=seq, attempts=0, due_at=now, fault="")

    async def failed(self, webhook_id: str, failures: int, due_at: int, fault: str) -> None:
        """Note another failure, and when to try again (seconds)."""
        await self._note(webhook_id, attempts=failures, due_at=due_at, fault=fault)

    async def give_up(self, webhook_id: str, seq: int, now: int, fault: str) -> None:
        """Put a message among the dead letters, of which the newest thousand are kept, and go on after it."""
        dead = webhook_dead_letters
        with answering(PART):
            async with self._database.write() as connection:
                letter = {"webhook_id": webhook_id, "seq": seq, "at": now, "fault": fault}
                await connection.execute(insert(dead).values(letter))
                its = dead.c.webhook_id == webhook_id
                kept = select(dead.c.seq).where(its).order_by(dead.c.seq.desc()).limit(DEAD_LETTERS_KEPT)
                await connection.execute(delete(dead).where(its, dead.c.seq.not_in(kept)))
                progress = {"seq": seq, "attempts": 0, "due_at": now, "fault": fault}
                mine = webhook_progress.c.webhook_id == webhook_id
                await connection.execute(update(webhook_progress).where(mine).values(progress))

    async def asked_again(self, limit: int) -> Sequence[tuple[Webhook, str]]:
        """Active webhooks of active organisations with letters that wait to be sent again, and their secrets."""
        dead, mine = webhook_dead_letters.c, webhook_progress.c
        query = (
            select(webhooks, mine.secret)
            .join(webhook_progress, mine.webhook_id == webhooks.c.id)
            .join(organisations, organisations.c.orgno == webhooks.c.orgno)
            .where(webhooks.c.active, organisations.c.active)
            .where(webhooks.c.id.in_(select(dead.webhook_id).where(dead.at == 0)))
            .order_by(webhooks.c.id)
            .limit(limit)
        )
        with answering(PART):
            async with self._database.read() as connection:
                found = [dict(row) for row in await mappings(connection, query)]
        return [(rows.webhook(row), secret) for row in found for secret in [row.pop("secret")]]  # type: ignore[arg-type]

    async def waiting(self, webhook_id: str, limit: int) -> Sequence[int]:
        """The numbers of a webhook's letters that wait to be sent again, the oldest first."""
        dead = webhook_dead_letters.c
        query = select(dead.seq).where(dead.webhook_id == webhook_id, dead.at == 0).order_by(dead.seq).limit(limit)
        with answering(PART):
            async with self._database.read() as connection:
                return (await connection.execute(query)).scalars().all()

    async def taken(self, webhook_id: str, seq: int) -> None:
        """Note that a letter was taken after all."""
        with answering(PART):
            async with self._database.write() as connection:
                await connection.execute(delete(webhook_dead_letters).where(_letter(webhook_id, seq)))

    async def not_taken(self, webhook_id: str, seq: int, now: int, fault: str) -> None:
        """Note that a letter sent again was not taken either; it waits no more."""
        with answering(PART):
            async with self._database.write() as connection:
                given_up = update(webhook_dead_letters).where(_letter(webhook_id, seq)).values(at=now, fault=fault)
                await connection.execute(given_up)

    async def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Take or renew a lease; False while another holds it. Times are in seconds."""
        insertion = (postgresql if self._database.dialect == "postgresql" else sqlite).insert(leases)
        taken = insertion.values(name=name, holder=holder, until=until).on_conflict_do_update(
            index_elements=[leases.c.name],
            set_={"holder": holder, "until": until},
            where=or_(leases.c.until <= now, leases.c.holder == holder),
        )
        with answering(PART):
            async with self._database.write() as connection:
                return (await connection.execute(taken)).rowcount == 1

    async def _note(self, webhook_id: str, **values: int | str) -> None:
        mine = webhook_progress.c.webhook_id == webhook_id
        with answering(PART):
            async with self._database.write() as connection:
                await connection.execute(update(webhook_progress).where(mine).values(values))


def _letter(webhook_id: str, seq: int) -> ColumnElement[bool]:
    return and_(webhook_dead_letters.c.webhook_id == webhook_id, webhook_dead_letters.c.seq == seq)
