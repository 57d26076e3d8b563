"""The registry at rest: changes in one line, lists for people, and bulk reads for the nodes' snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authserver.oauth.models import Client, Delegation, Fact, Organisation, Prefix, Ref, Scope, ScopeAccess
from authserver.oauth.unavailable import Unannounced, Unavailable
from authserver.storage import rows
from authserver.storage.database import Database
from authserver.storage.errors import DatabaseFault, answering, constraint_refusal
from authserver.storage.reading import SqlReader, mappings, read_clients, read_delegations, read_epoch, read_facts
from authserver.storage.registry_change import Actor, RegistryChange
from authserver.storage.registry_feeds import RegistryFeeds
from authserver.storage.registry_pages import RegistryPages, equal
from authserver.storage.schema import (
    clients,
    delegations,
    organisations,
    policy_epoch,
    prefixes,
    registry_changes,
    scope_access,
    scopes,
)

PART: Final = "registry"
MOST_CHANGES: Final = 2_000
# The kind of the change log's rows that tell of a restore.
WHOLE: Final = "registry"

Publish = Callable[[int], Awaitable[None]]


class ChangedSince(NamedTuple):
    """The policy epoch, and what changed on the way to it; None when that is too much to name, so: everything.

    Until `paused_until` (seconds) no token may be issued: a restore has taken spent assertions back.
    """

    epoch: int
    refs: Sequence[Ref] | None
    paused_until: int = 0


class SqlRegistryStore(RegistryPages, RegistryFeeds):
    """Fills the port RegistryStore, and is the source of the node's snapshot.

    `publish` is awaited with the epoch of each change after its commit and before the change is left; also when
    nothing was put, for an earlier change that found the same may have failed to announce it. Every method raises
    Unavailable when the database does not answer, and leaving a change Unannounced when `publish` fails: the change
    stands.
    """

    def __init__(self, database: Database, publish: Publish | None = None) -> None:
        self._database = database
        self._publish = publish
        self._made: int | None = None

    @property
    def made(self) -> int | None:
        """The policy epoch of the newest change made through this object, in effect on every node; None for none."""
        return self._made

    @asynccontextmanager
    async def change(self, actor: Actor, now: int, reason: str = "") -> AsyncIterator[RegistryChange]:
        change: RegistryChange | None = None
        committing = False
        try:
            async with self._database.write() as connection:
                # The lock comes before the first read: what a use-case checks still holds when it is committed, and
                # epochs are committed in their order.
                found = await connection.execute(select(policy_epoch.c.epoch).with_for_update())
                epoch = int(found.scalar_one())
                change = RegistryChange(connection, actor, now, reason)
                yield change
                committing = True
        except IntegrityError as error:
            raise constraint_refusal(error) from error
        except DatabaseFault as error:
            raise Unavailable(PART, certain=not committing) from error
        if self._publish is not None:
            await self._announce(self._publish, change.epoch or epoch)
        self._made = change.epoch or self._made

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlReader]:
        with answering(PART):
            async with self._database.read() as connection:
                yield SqlReader(connection)

    async def organisations(self) -> Sequence[Organisation]:
        with answering(PART):
            async with self._database.read() as connection:
                found = await mappings(connection, select(organisations).order_by(organisations.c.orgno))
                return [rows.organisation(row) for row in found]

    async def prefixes(self) -> Sequence[Prefix]:
        with answering(PART):
            async with self._database.read() as connection:
                found = await mappings(connection, select(prefixes).order_by(prefixes.c.prefix))
                return [rows.prefix(row) for row in found]

    async def scopes(self, prefix: str | None = None) -> Sequence[Scope]:
        query = select(scopes).where(*equal((scopes.c.prefix, prefix))).order_by(scopes.c.name)
        with answering(PART):
            async with self._database.read() as connection:
                return [rows.scope(row) for row in await mappings(connection, query)]

    async def accesses(self, scope: str | None = None, consumer_orgno: str | None = None) -> Sequence[ScopeAccess]:
        where = equal((scope_access.c.scope, scope), (scope_access.c.consumer_orgno, consumer_orgno))
        query = select(scope_access).where(*where).order_by(scope_access.c.scope, scope_access.c.consumer_orgno)
        with answering(PART):
            async with self._database.read() as connection:
                return [rows.access(row) for row in await mappings(connection, query)]

    async def clients(self, orgno: str | None = None) -> Sequence[Client]:
        with answering(PART):
            async with self._database.read() as connection:
                return await read_clients(connection, *equal((clients.c.orgno, orgno)))

    async def delegations(
        self, consumer_orgno: str | None = None, supplier_orgno: str | None = None
    ) -> Sequence[Delegation]:
        parties = (delegations.c.consumer_orgno, consumer_orgno), (delegations.c.supplier_orgno, supplier_orgno)
        with answering(PART):
            async with self._database.read() as connection:
                return await read_delegations(connection, *equal(*parties))

    async def epoch(self) -> int:
        """The policy epoch, read by a statement that begins after the call."""
        with answering(PART):
            async with self._database.read() as connection:
                return await read_epoch(connection)

    async def load(self, refs: Collection[Ref]) -> tuple[int, dict[Ref, Fact]]:
        """Every named record, and the policy epoch that they are at least as new as."""
        with answering(PART):
            async with self._database.read() as connection:
                epoch = await read_epoch(connection)
                return epoch, await read_facts(connection, refs)

    async def changes_since(self, epoch: int) -> ChangedSince:
        """What a snapshot at `epoch` must forget to be at the epoch returned; after a restore, everything."""
        log = registry_changes.c
        # Rather told one record twice than sort a long log: in the order of its index, the limit ends the reading.
        newer = select(log.kind, log.id, log.other).where(log.epoch > epoch)
        query = newer.order_by(log.epoch).limit(MOST_CHANGES + 1)
        with answering(PART):
            async with self._database.read() as connection:
                state = select(policy_epoch.c.epoch, policy_epoch.c.paused_until)
                latest, paused_until = (await connection.execute(state)).one()
                if latest <= epoch:
                    return ChangedSince(latest, () if latest == epoch else None, paused_until)
                changed = (await connection.execute(query)).all()
        if len(changed) > MOST_CHANGES or any(row.kind == WHOLE for row in changed):
            return ChangedSince(latest, None, paused_until)
        return ChangedSince(latest, list({Ref(*row): None for row in changed}), paused_until)

    async def _announce(self, publish: Publish, epoch: int) -> None:
        try:
            await publish(epoch)
        except Unavailable as error:
            # Committed, but not yet known to every node: only a caller who is told so may not rely on it.
            raise Unannounced(error.part, epoch) from error
