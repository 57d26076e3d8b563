"""Who may do what in the registry; every use-case asks here, before anything else.

The operator may do everything. An organisation may read and change only what is its own, and a record of somebody else
is refused in the words used for one that does not exist. Whatever it puts needs the right for that kind of record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Delegation, Fact, Organisation, Prefix, Record, Ref, Scope, ScopeAccess
from authserver.registry import text
from authserver.registry.ports import Actor, Change, RegistryStore, Right

# An organisation puts no organisation: what is not named here is the operator's.
_NEEDED: Final[Mapping[type[Record], Right]] = MappingProxyType(
    {Prefix: "apis", Scope: "apis", ScopeAccess: "apis", Client: "integrations", Delegation: "delegations"}
)


@asynccontextmanager
async def change(store: RegistryStore, actor: Actor, now: int, reason: str = "") -> AsyncIterator[Change]:
    """Open a transaction for an actor who may still act; `reason` is for the change log.

    Raises Refusal NOT_ALLOWED for a deactivated organisation, INVALID for a reason that is not one line.
    """
    async with store.change(actor, now, text.line(reason, "reason")) as transaction:
        if actor.kind == "organisation":
            own = await transaction.get(Ref("organisation", actor.orgno))
            if not (isinstance(own, Organisation) and own.active):
                raise Refusal(Reason.NOT_ALLOWED)
        yield _Rightful(transaction, actor)


class _Rightful:
    """A transaction in which the actor's rights are asked for with everything that is put."""

    def __init__(self, transaction: Change, actor: Actor) -> None:
        self._transaction = transaction
        self._actor = actor

    async def get(self, ref: Ref) -> Fact:
        return await self._transaction.get(ref)

    async def delegation(self, delegation_id: str) -> Delegation | None:
        return await self._transaction.delegation(delegation_id)

    async def key_owners(self, thumbprint: str) -> Sequence[str]:
        return await self._transaction.key_owners(thumbprint)

    async def put(self, record: Record) -> None:
        """Put a record. Raises Refusal NOT_ALLOWED if the actor lacks the right."""
        if self._actor.kind != "operator" and _NEEDED.get(type(record)) not in self._actor.rights:
            raise Refusal(Reason.NOT_ALLOWED)
        await self._transaction.put(record)


def operator(actor: Actor) -> None:
    """Admit the operator alone. Raises Refusal NOT_ALLOWED."""
    if actor.kind != "operator":
        raise Refusal(Reason.NOT_ALLOWED)


def is_own(actor: Actor, *orgnos: str) -> bool:
    """Tell whether the actor may act for one of these organisations."""
    return actor.kind == "operator" or actor.orgno in orgnos


def own(actor: Actor, noun: str, *orgnos: str) -> None:
    """Admit whoever acts for one of these organisations. Raises Refusal NOT_FOUND, as if there were no such record."""
    if not is_own(actor, *orgnos):
        raise unknown(noun)


def unknown(noun: str) -> Refusal:
    """Build the one answer for what does not exist and for what is somebody else's."""
    return Refusal(Reason.NOT_FOUND, value=noun)


async def _get(change: Change, ref: Ref) -> Fact:
    """Read a record by a name from outside; what no database can keep does not exist."""
    return await change.get(ref) if text.fit(ref.id) and text.fit(ref.other) else None


async def organisation(change: Change, orgno: str) -> Organisation:
    """Read an active organisation; that it exists is public. Raises Refusal NOT_FOUND or CONFLICT."""
    found = await change.get(Ref("organisation", orgno))
    if not isinstance(found, Organisation):
        raise unknown("organisation")
    if not found.active:
        raise Refusal(Reason.CONFLICT, value=f"The organisation {found.orgno} is deactivated; reactivate it first")
    return found


async def prefix(change: Change, actor: Actor, name: str) -> Prefix:
    """Read a prefix that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(change, Ref("prefix", name))
    if not isinstance(found, Prefix):
        raise unknown("prefix")
    own(actor, "prefix", found.owner_orgno)
    return found


async def scope(change: Change, actor: Actor, name: str) -> Scope:
    """Read a scope that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(change, Ref("scope", name))
    if not isinstance(found, Scope):
        raise unknown("scope")
    own(actor, "scope", found.owner_orgno)
    return found


async def visible_scope(change: Change, actor: Actor, name: str) -> Scope:
    """Read a scope that the actor can see. Raises Refusal NOT_FOUND.

    PUBLIC ones are seen by all, PRIVATE ones by the owner and by consumers with access, INTERNAL ones by the owner.
    """
    found = await _get(change, Ref("scope", name))
    if not isinstance(found, Scope):
        raise unknown("scope")
    if found.visibility == "PUBLIC" or is_own(actor, found.owner_orgno):
        return found
    access = await change.get(Ref("access", name, actor.orgno))
    if found.visibility == "PRIVATE" and isinstance(access, ScopeAccess) and access.state == "APPROVED":
        return found
    raise unknown("scope")


async def client(change: Change, actor: Actor, client_id: str) -> Client:
    """Read a client that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(change, Ref("client", client_id))
    if not isinstance(found, Client):
        raise unknown("client")
    own(actor, "client", found.orgno)
    return found


async def delegation(change: Change, actor: Actor, delegation_id: str) -> Delegation:
    """Read a delegation that the actor gave or holds. Raises Refusal NOT_FOUND."""
    found = await change.delegation(delegation_id) if text.fit(delegation_id) else None
    if found is None:
        raise unknown("delegation")
    own(actor, "delegation", found.consumer_orgno, found.supplier_orgno)
    return found
