"""What a database says, in our words: a refusal when a constraint spoke, `Unavailable` when it did not answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unavailable

# Everything a driver, a pool or the network raises when a database does not answer as it should.
DatabaseFault = (
    DBAPIError,
    PoolTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    sqlite3.Error,
    OSError,
)

_UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
_FOREIGN_KEY = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})


def constraint_refusal(error: IntegrityError) -> Refusal:
    """Tell which rule of the database the change broke: CONFLICT, NOT_FOUND (a reference to nothing) or INVALID."""
    origin = error.orig
    name = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", "")
    if name in _UNIQUE:
        return Refusal(Reason.CONFLICT, value="There is such a record already", detail=str(origin))
    if name in _FOREIGN_KEY:
        return Refusal(Reason.NOT_FOUND, value="record as the one referred to", detail=str(origin))
    return Refusal(Reason.INVALID, value="The record contradicts itself", detail=str(origin))


@contextmanager
def answering(part: str, *, certain: bool = True) -> Iterator[None]:
    """Raise `Unavailable` in place of whatever the driver, the pool or the network raised, TimeoutError included.

    A broken constraint becomes a `Refusal`. `certain` is what holds when the block fails.
    """
    try:
        yield
    except IntegrityError as error:
        raise constraint_refusal(error) from error
    except DatabaseFault as error:
        raise Unavailable(part, certain=certain) from error
