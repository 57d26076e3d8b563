"""One transaction on the registry: reads, puts, and the change log that tells of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Table, and_, delete, func, insert, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from authserver.oauth.consent import Consent
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import (
    AccessRequest,
    Client,
    Delegation,
    DelegationSource,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Record,
    Scope,
    ScopeAccess,
    Webhook,
)
from authserver.storage import rows
from authserver.storage.delegation_parties import free_status_indexes
from authserver.storage.errors import constraint_refusal
from authserver.storage.reading import SqlReader, mappings
from authserver.storage.schema import (
    access_requests,
    client_keys,
    client_scopes,
    clients,
    delegation_consents,
    delegation_scopes,
    delegation_sources,
    delegations,
    organisations,
    packages,
    policy_epoch,
    prefix_requests,
    prefixes,
    registry_changes,
    scope_access,
    scopes,
    webhook_dead_letters,
    webhook_progress,
    webhooks,
)

_TABLES: dict[type[Record], Table] = {
    Organisation: organisations,
    Prefix: prefixes,
    Scope: scopes,
    ScopeAccess: scope_access,
    Client: clients,
    Delegation: delegations,
    AccessRequest: access_requests,
    PrefixRequest: prefix_requests,
    Webhook: webhooks,
    Package: packages,
    DelegationSource: delegation_sources,
}


class Actor(Protocol):
    """Who makes a change, as the change log keeps it."""

    @property
    def kind(self) -> str:
        """`operator` or `organisation`."""

    @property
    def orgno(self) -> str:
        """The organisation, if it is one."""

    @property
    def client_id(self) -> str:
        """The client it acted through, if any."""

    @property
    def person(self) -> str:
        """The person who acted, if known."""


class RegistryChange(SqlReader):
    """Fills the port Change. Holds the lock on the policy epoch, so there is one at a time on the whole registry."""

    def __init__(self, connection: AsyncConnection, actor: Actor, now: int, reason: str) -> None:
        super().__init__(connection)
        self._actor = actor
        self._now = now
        self._reason = reason
        self._epoch: int | None = None

    @property
    def epoch(self) -> int | None:
        """The new policy epoch, None while nothing has been put. In effect once the change has been left."""
        return self._epoch

    async def key_owners(self, thumbprint: str) -> Sequence[str]:
        owners = (
            select(clients.c.orgno)
            .join(client_keys, client_keys.c.client_id == clients.c.client_id)
            .where(client_keys.c.thumbprint == thumbprint)
            .distinct()
            .order_by(clients.c.orgno)
        )
        return (await self._connection.execute(owners)).scalars().all()

    async def open_request(self, scope: str, consumer_orgno: str) -> AccessRequest | None:
        table = access_requests.c
        query = select(access_requests).where(
            table.scope == scope, table.consumer_orgno == consumer_orgno, table.state == "REQUESTED"
        )
        found = await mappings(self._connection, query)
        return rows.access_request(found[0]) if found else None

    async def prefix_names(self) -> Sequence[tuple[str, str]]:
        asked = prefix_requests.c
        query = union_all(
            select(prefixes.c.prefix, prefixes.c.owner_orgno),
            select(asked.prefix, asked.orgno).where(asked.state == "REQUESTED"),
        )
        return [(name, orgno) for name, orgno in (await self._connection.execute(query)).all()]

    async def keep_secret(self, webhook_id: str, secret: str) -> None:
        newest = (await self._connection.execute(select(func.max(registry_changes.c.seq)))).scalar_one() or 0
        row = {"webhook_id": webhook_id, "secret": secret, "seq": newest, "attempts": 0, "due_at": 0, "fault": ""}
        await self._connection.execute(insert(webhook_progress).values(row))

    async def keep_consent(self, consent: Consent) -> None:
        row = rows.consent_row(consent)
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        kept = dialect.insert(delegation_consents).values(row)
        await self._connection.execute(kept.on_conflict_do_update(index_elements=["delegation_id"], set_=row))

    async def send_again(self, webhook_id: str, seqs: Collection[int]) -> int:
        dead = webhook_dead_letters.c
        waits = update(webhook_dead_letters).where(dead.webhook_id == webhook_id, dead.seq.in_(seqs)).values(at=0)
        return (await self._connection.execute(waits)).rowcount

    async def free_status_index(self) -> int:
        (index,) = await free_status_indexes(self._connection, 1)
        return index

    async def free_status_indexes(self, count: int) -> Sequence[int]:
        return await free_status_indexes(self._connection, count)

    async def put_new(self, records: Sequence[Delegation]) -> None:
        if not records:
            return
        delegated = [{"delegation_id": each.id, "scope": scope} for each in records for scope in sorted(each.scopes)]
        try:
            await self._connection.execute(insert(delegations), [rows.row_of(each) for each in records])
            await self._connection.execute(insert(delegation_scopes), delegated)
        except IntegrityError as error:
            raise constraint_refusal(error) from error
        await self._log(*((None, each) for each in records))

    async def put(self, record: Record) -> None:
        before = await self._before(record)
        if before is not None and before.ref != record.ref:
            # Nodes know a record by its reference: under another one, what they remember would go stale unseen.
            raise Refusal(Reason.CONFLICT, value="The parties of a delegation never change")
        try:
            await self._write(record, new=before is None)
        except IntegrityError as error:
            raise constraint_refusal(error) from error
        await self._log((before, record))

    async def _before(self, record: Record) -> Record | None:
        if isinstance(record, Delegation):
            return await self.delegation(record.id)
        fact = await self.get(record.ref)
        return None if isinstance(fact, tuple) else fact

    async def _write(self, record: Record, *, new: bool) -> None:
        table, row = _TABLES[type(record)], rows.row_of(record)
        if new:
            await self._connection.execute(insert(table).values(row))
        else:
            await self._connection.execute(update(table).where(_same(table, row)).values(row))
        if isinstance(record, Client):
            its = client_scopes.c.client_id == record.client_id
            granted = [{"client_id": record.client_id, "scope": scope} for scope in sorted(record.scopes)]
            await self._replace(client_scopes, its, granted)
            its = client_keys.c.client_id == record.client_id
            keys = [rows.key_row(record.client_id, key) for key in record.keys.values()]
            await self._replace(client_keys, its, keys)
        if isinstance(record, Delegation):
            its = delegation_scopes.c.delegation_id == record.id
            delegated = [{"delegation_id": record.id, "scope": scope} for scope in sorted(record.scopes)]
            await self._replace(delegation_scopes, its, delegated)

    async def _replace(self, table: Table, its: ColumnElement[bool], values: list[dict[str, Any]]) -> None:
        await self._connection.execute(delete(table).where(its))
        if values:
            await self._connection.execute(insert(table), values)

    async def _log(self, *changed: tuple[Record | None, Record]) -> None:
        if self._epoch is None:
            step = update(policy_epoch).values(epoch=policy_epoch.c.epoch + 1).returning(policy_epoch.c.epoch)
            self._epoch = int((await self._connection.execute(step)).scalar_one())
        await self._connection.execute(insert(registry_changes), [self._told(*each) for each in changed])

    def _told(self, before: Record | None, after: Record) -> rows.Values:
        ref = after.ref
        return {
            "epoch": self._epoch,
            "kind": ref.kind,
            "id": ref.id,
            "other": ref.other,
            "action": "created" if before is None else "changed",
            "actor_kind": self._actor.kind,
            "actor_orgno": self._actor.orgno,
            "actor_client_id": self._actor.client_id,
            "actor_person": self._actor.person,
            "at": self._now,
            "reason": self._reason,
            "before": rows.logged(before),
            "after": rows.logged(after),
        }


def _same(table: Table, row: rows.Values) -> ColumnElement[bool]:
    """The row of the same primary key."""
    return and_(*(column == row[column.name] for column in table.primary_key.columns))
