"""What the admin API remembers between requests: answers to creates by their key, and the secret of its cursors."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.storage.database import Database
from authserver.storage.errors import answering
from authserver.storage.schema import metadata

PART: Final = "registry"
# An answer under way longer than this has died with its node.
PENDING_SECONDS: Final = 60
KEPT_SECONDS: Final = 24 * 3600
MOST_OF_ONE_CALLER: Final = 1_000

answers = Table(
    "idempotent_answers",
    metadata,
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    Index(None, "until"),
)
installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("cursor_secret", Text, nullable=False),
)


class SqlIdempotency:
    """Fills the port Idempotency. Bounded: a day, and so many answers of one caller; the oldest go first.

    Every method raises Unavailable when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, caller: str, key: str, request: str, now: int) -> tuple[str, int, str, str] | None:
        """Claim a key for a request; None if it is claimed now, else the request, status, headers and body kept.

        A status of 0 means that the answer is still under way.
        """
        row = {"caller": caller, "key": key, "request": request, "status": 0, "headers": "", "body": ""}
        with answering(PART):
            async with self._database.write() as connection:
                await self._lock(connection)
                await connection.execute(delete(answers).where(answers.c.until <= now))
                kept = (await connection.execute(select(answers).where(_named(caller, key)))).one_or_none()
                if kept is not None:
                    return kept.request, kept.status, kept.headers, kept.body
                await _make_room(connection, caller)
                await connection.execute(insert(answers).values(**row, until=now + PENDING_SECONDS))
        return None

    async def keep(self, caller: str, key: str, now: int, answer: tuple[int, str, str]) -> None:
        """Keep an answer: its status, headers and body."""
        status, headers, body = answer
        kept = {"status": status, "headers": headers, "body": body, "until": now + KEPT_SECONDS}
        with answering(PART):
            async with self._database.write() as connection:
                await connection.execute(update(answers).where(_named(caller, key)).values(kept))

    async def forget(self, caller: str, key: str) -> None:
        """Give a key back, whose request changed nothing."""
        with answering(PART):
            async with self._database.write() as connection:
                await connection.execute(delete(answers).where(_named(caller, key)))

    async def cursor_secret(self) -> bytes:
        """The secret that signs cursors, one for all nodes, made with the database."""
        with answering(PART):
            async with self._database.read() as connection:
                return bytes.fromhex((await connection.execute(select(installation.c.cursor_secret))).scalar_one())

    async def _lock(self, connection: AsyncConnection) -> None:
        """Let one caller at a time claim a key; SQLite has one writer anyway."""
        if self._database.dialect == "postgresql":
            await connection.execute(select(installation.c.id).with_for_update())


def _named(caller: str, key: str) -> ColumnElement[bool]:
    return and_(answers.c.caller == caller, answers.c.key == key)


async def _make_room(connection: AsyncConnection, caller: str) -> None:
    own = answers.c.caller == caller
    held = int((await connection.execute(select(func.count()).where(own))).scalar_one())
    if held >= MOST_OF_ONE_CALLER:
        oldest = select(answers.c.key).where(own).order_by(answers.c.until).limit(held - MOST_OF_ONE_CALLER + 1)
        await connection.execute(delete(answers).where(own, answers.c.key.in_(oldest)))
