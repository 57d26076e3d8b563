"""Who may do what in the registry; every use-case asks here, before anything else.

The operator may do everything. An organisation may read and change only what is its own, and a record of somebody else
is refused in the words used for one that does not exist. Whatever it puts needs the right for that kind of record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, cast

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import (
    AccessRequest,
    Client,
    Delegation,
    Fact,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Record,
    Ref,
    Scope,
    ScopeAccess,
    Webhook,
)
from authserver.registry import text
from authserver.registry.ports import ALL_RIGHTS, Actor, Change, Reader, RegistryStore, Right

# An organisation puts no organisation: what is not named here is the operator's.
_NEEDED: Final[Mapping[type[Record], frozenset[Right]]] = MappingProxyType(
    {
        Prefix: frozenset({"apis"}),
        Scope: frozenset({"apis"}),
        ScopeAccess: frozenset({"apis"}),
        Package: frozenset({"apis"}),
        AccessRequest: frozenset({"apis"}),
        PrefixRequest: frozenset({"apis"}),
        Client: frozenset({"integrations"}),
        Delegation: frozenset({"delegations"}),
        # Whoever administers anything may want to hear of it.
        Webhook: ALL_RIGHTS,
    }
)
# A consumer that asks for access does it for its clients' sake.
_NEEDED_TO_ASK: Final[Mapping[type[Record], frozenset[Right]]] = MappingProxyType(
    {ScopeAccess: frozenset({"integrations"}), AccessRequest: frozenset({"integrations"})}
)


@asynccontextmanager
async def change(
    store: RegistryStore, actor: Actor, now: int, reason: str = "", *, asking: bool = False
) -> AsyncIterator[Change]:
    """Open a transaction for an actor who may still act; `reason` is for the change log.

    `asking` is for a consumer that asks for access, or takes that back. Raises Refusal NOT_ALLOWED for a deactivated
    organisation, INVALID for a reason that is not one line.
    """
    async with store.change(actor, now, text.line(reason, "reason")) as transaction:
        if actor.kind == "organisation":
            own = await transaction.get(Ref("organisation", actor.orgno))
            if not (isinstance(own, Organisation) and own.active):
                raise Refusal(Reason.NOT_ALLOWED)
        needed = {**_NEEDED, **_NEEDED_TO_ASK} if asking else _NEEDED
        yield cast("Change", _Rightful(transaction, actor, needed))


class _Rightful:
    """A transaction in which the actor's rights are asked for with everything that is put."""

    def __init__(self, transaction: Change, actor: Actor, needed: Mapping[type[Record], frozenset[Right]]) -> None:
        self._transaction = transaction
        self._actor = actor
        self._needed = needed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    async def put_new(self, records: Sequence[Delegation]) -> None:
        """Put new delegations. Raises Refusal NOT_ALLOWED if the actor lacks the right."""
        for record in records:
            self._require_right(record)
        await self._transaction.put_new(records)

    async def put(self, record: Record) -> None:
        """Put a record. Raises Refusal NOT_ALLOWED if the actor lacks the right."""
        self._require_right(record)
        await self._transaction.put(record)

    def _require_right(self, record: Record) -> None:
        if self._actor.kind != "operator" and not self._needed.get(type(record), frozenset()) & self._actor.rights:
            raise Refusal(Reason.NOT_ALLOWED)


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


def concerned(actor: Actor, orgno: str | None) -> str | None:
    """Return the organisation a list is narrowed to: an organisation's own, or the one asked for; None for all.

    Raises Refusal NOT_FOUND if an organisation asks for another's, as if there were no such organisation.
    """
    if orgno is not None:
        own(actor, "organisation", orgno)
    return orgno if actor.kind == "operator" else actor.orgno


def unknown(noun: str) -> Refusal:
    """Build the one answer for what does not exist and for what is somebody else's."""
    return Refusal(Reason.NOT_FOUND, value=noun)


async def _get(reader: Reader, ref: Ref) -> Fact:
    """Read a record by a name from outside; what no database can keep does not exist."""
    return await reader.get(ref) if text.fit(ref.id) and text.fit(ref.other) else None


async def organisation(reader: Reader, orgno: str) -> Organisation:
    """Read an active organisation; that it exists is public. Raises Refusal NOT_FOUND or CONFLICT."""
    found = await reader.get(Ref("organisation", orgno))
    if not isinstance(found, Organisation):
        raise unknown("organisation")
    if not found.active:
        raise Refusal(Reason.CONFLICT, value=f"The organisation {found.orgno} is deactivated; reactivate it first")
    return found


async def prefix(reader: Reader, actor: Actor, name: str) -> Prefix:
    """Read a prefix that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("prefix", name))
    if not isinstance(found, Prefix):
        raise unknown("prefix")
    own(actor, "prefix", found.owner_orgno)
    return found


async def scope(reader: Reader, actor: Actor, name: str) -> Scope:
    """Read a scope that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("scope", name))
    if not isinstance(found, Scope):
        raise unknown("scope")
    own(actor, "scope", found.owner_orgno)
    return found


async def visible_scope(reader: Reader, actor: Actor, name: str) -> Scope:
    """Read a scope that the actor can see. Raises Refusal NOT_FOUND.

    PUBLIC ones are seen by all, PRIVATE ones by the owner and by consumers with access, INTERNAL ones by the owner.
    Access is read in any case, lest the time it takes tell that there is a scope.
    """
    found = await _get(reader, Ref("scope", name))
    access = await _get(reader, Ref("access", name, actor.orgno))
    if not isinstance(found, Scope):
        raise unknown("scope")
    if found.visibility == "PUBLIC" or is_own(actor, found.owner_orgno):
        return found
    if found.visibility == "PRIVATE" and isinstance(access, ScopeAccess) and access.state == "APPROVED":
        return found
    raise unknown("scope")


async def client(reader: Reader, actor: Actor, client_id: str) -> Client:
    """Read a client that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("client", client_id))
    if not isinstance(found, Client):
        raise unknown("client")
    own(actor, "client", found.orgno)
    return found


async def delegation(reader: Reader, actor: Actor, delegation_id: str) -> Delegation:
    """Read a delegation that concerns the actor. Raises Refusal NOT_FOUND.

    Its parties are concerned, whoever handed it on so far, and the owners of its scopes. A foreign one is looked up
    exactly as one that does not exist.
    """
    if not text.fit(delegation_id):
        raise unknown("delegation")
    concerned_by_it = await reader.concerned(delegation_id)
    own(actor, "delegation", *concerned_by_it)
    found = await reader.delegation(delegation_id)
    if found is None:
        raise unknown("delegation")
    return found


async def package(reader: Reader, actor: Actor, name: str) -> Package:
    """Read a package that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("package", name))
    if not isinstance(found, Package):
        raise unknown("package")
    own(actor, "package", found.owner_orgno)
    return found


async def access_request(reader: Reader, actor: Actor, request_id: str) -> tuple[AccessRequest, Scope]:
    """Read a request that the actor made, or that asks for a scope of its own, and that scope.

    A scope is read in any case, lest the time it takes tell that there is a request. Raises Refusal NOT_FOUND.
    """
    found = await _get(reader, Ref("access_request", request_id))
    scope = await reader.get(Ref("scope", found.scope if isinstance(found, AccessRequest) else ""))
    if not (isinstance(found, AccessRequest) and isinstance(scope, Scope)):
        raise unknown("request")
    own(actor, "request", found.consumer_orgno, scope.owner_orgno)
    return found, scope


async def prefix_request(reader: Reader, actor: Actor, request_id: str) -> PrefixRequest:
    """Read a request that the actor made. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("prefix_request", request_id))
    if not isinstance(found, PrefixRequest):
        raise unknown("request")
    own(actor, "request", found.orgno)
    return found


async def webhook(reader: Reader, actor: Actor, webhook_id: str) -> Webhook:
    """Read a webhook that is the actor's own. Raises Refusal NOT_FOUND."""
    found = await _get(reader, Ref("webhook", webhook_id))
    if not isinstance(found, Webhook):
        raise unknown("webhook")
    own(actor, "webhook", found.orgno)
    return found
