"""Requests for access: a consumer asks, the scope's owner or its rule answers, and every step is on record.

What admits is never the request but the access that it leads to, made in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import AccessRequest, AccessState, Fact, Ref, Scope, ScopeAccess
from authserver.registry import quotas, rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore

_ACCESS: Final[dict[str, AccessState]] = {"APPROVED": "APPROVED", "DENIED": "DENIED", "WITHDRAWN": "DENIED"}


@dataclass(frozen=True, slots=True)
class NewAccessRequest:
    """What a consumer asks for, what for, and on which legal basis."""

    scope: str
    consumer_orgno: str
    purpose: str
    legal_basis: str


async def ask(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewAccessRequest,
    new_id: Callable[[], str],
    reason: str = "",
) -> AccessRequest:
    """Ask for a scope that the actor can see; the owner's rule may approve at once. `reason` is for the change log.

    A rule never overrules the owner: who was denied waits for an answer. Raises Refusal INVALID, NOT_FOUND, or
    CONFLICT when there is nothing to ask for, or too many requests wait already.
    """
    consumer = number(new.consumer_orgno)
    rights.own(actor, "organisation", consumer)
    purpose = _said(new.purpose, "purpose")
    legal_basis = _said(new.legal_basis, "legal basis")
    async with rights.change(store, actor, now, reason, asking=True) as change:
        organisation = await rights.organisation(change, consumer)
        scope = await rights.visible_scope(change, actor, new.scope)
        present = await change.get(Ref("access", scope.name, consumer))
        _refuse_idle(scope, present)
        await quotas.admit(change, organisation, "waiting")
        request = AccessRequest(new_id(), scope.name, consumer, purpose, legal_basis, "REQUESTED", now)
        if present is None and _approves(scope, consumer):
            request = replace(request, state="APPROVED", decided_at=now, by_rule=True)
        await change.put(request)
        await change.put(ScopeAccess(scope.name, consumer, _ACCESS.get(request.state, "REQUESTED")))
    return request


async def approve(
    store: RegistryStore, actor: Actor, now: int, *, request_id: str, answer: str = "", reason: str = ""
) -> AccessRequest:
    """Let the consumer have the scope. The scope's owner may; `answer` is for the consumer.

    The change log gets the `reason`, or without one the answer.

    Raises Refusal NOT_FOUND, NOT_ALLOWED, INVALID, or CONFLICT if it was decided otherwise or the scope or consumer is
    deactivated. Done again, it changes nothing.
    """
    said = text.line(answer, "answer")
    async with rights.change(store, actor, now, reason or said) as change:
        request, scope = await rights.access_request(change, actor, request_id)
        _require(actor, scope.owner_orgno)
        if not scope.active:
            raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated; reactivate it first")
        await rights.organisation(change, request.consumer_orgno)
        return await _decide(change, request, replace(request, state="APPROVED", decided_at=now, answer=said))


async def deny(
    store: RegistryStore, actor: Actor, now: int, *, request_id: str, answer: str, reason: str = ""
) -> AccessRequest:
    """Refuse the consumer the scope, and say why. The scope's owner may; `answer` and `reason` as of `approve`.

    Raises Refusal NOT_FOUND, NOT_ALLOWED, INVALID without an answer, or CONFLICT if it was decided otherwise. Done
    again, it changes nothing.
    """
    said = text.line(answer, "reason", required=True)
    async with rights.change(store, actor, now, reason or said) as change:
        request, scope = await rights.access_request(change, actor, request_id)
        _require(actor, scope.owner_orgno)
        return await _decide(change, request, replace(request, state="DENIED", decided_at=now, answer=said))


async def withdraw(store: RegistryStore, actor: Actor, now: int, *, request_id: str, reason: str = "") -> AccessRequest:
    """Take a request back that nobody has decided. The consumer may.

    Raises Refusal NOT_FOUND, NOT_ALLOWED or CONFLICT. Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason, asking=True) as change:
        request, _ = await rights.access_request(change, actor, request_id)
        _require(actor, request.consumer_orgno)
        return await _decide(change, request, replace(request, state="WITHDRAWN", decided_at=now))


async def read(store: RegistryStore, actor: Actor, *, request_id: str) -> AccessRequest:
    """One request that the actor made or is to answer. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return (await rights.access_request(reader, actor, request_id))[0]


async def made(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    orgno: str | None = None,
    scope: str | None = None,
    state: str | None = None,
) -> Page[AccessRequest]:
    """Requests of one organisation, or of all for the operator, by id; for an organisation, its own."""
    asked, shown = rights.concerned(actor, orgno), window.bounded
    if scope is not None and not text.fit(scope):
        return Page(())
    found = await store.access_request_page(shown.and_one_more, consumer_orgno=asked, scope=scope, state=state)
    return paged(found, shown, _key)


async def received(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    owner_orgno: str | None = None,
    scope: str | None = None,
    state: str | None = None,
) -> Page[AccessRequest]:
    """Requests for scopes of one owner, or of all for the operator, by id; for an organisation, for its own."""
    owner, shown = rights.concerned(actor, owner_orgno), window.bounded
    if scope is not None and not text.fit(scope):
        return Page(())
    found = await store.access_request_page(shown.and_one_more, owner_orgno=owner, scope=scope, state=state)
    return paged(found, shown, _key)


async def settle(change: Change, access: ScopeAccess, now: int, reason: str) -> None:
    """Let an open request say what its owner did to the access itself."""
    request = await change.open_request(access.scope, access.consumer_orgno)
    if request is not None and access.state != "REQUESTED":
        await change.put(replace(request, state=access.state, decided_at=now, answer=reason))


async def _decide(change: Change, present: AccessRequest, decided: AccessRequest) -> AccessRequest:
    if present.state == decided.state:
        return present
    if present.state != "REQUESTED":
        raise Refusal(Reason.CONFLICT, value=f"The request is {present.state} already")
    await change.put(decided)
    wanted = ScopeAccess(decided.scope, decided.consumer_orgno, _ACCESS[decided.state])
    if await change.get(wanted.ref) != wanted:
        await change.put(wanted)
    return decided


def _refuse_idle(scope: Scope, access: Fact) -> None:
    """Refuse a request that has nothing to ask for. Raises Refusal CONFLICT."""
    if not scope.active:
        raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated by its owner")
    if scope.accessible_for_all:
        raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is open to everyone; nobody need ask for it")
    if isinstance(access, ScopeAccess) and access.state == "APPROVED":
        raise Refusal(Reason.CONFLICT, value=f"The organisation has access to {scope.name} already")
    if isinstance(access, ScopeAccess) and access.state == "REQUESTED":
        raise Refusal(Reason.CONFLICT, value=f"The organisation has asked for {scope.name} already")


def _approves(scope: Scope, consumer: str) -> bool:
    return scope.approval == "any" or (scope.approval == "listed" and consumer in scope.approved_consumers)


def _require(actor: Actor, orgno: str) -> None:
    """Both sides see a request, and each may do its own part of it. Raises Refusal NOT_ALLOWED."""
    if not rights.is_own(actor, orgno):
        raise Refusal(Reason.NOT_ALLOWED)


def _said(value: str, what: str) -> str:
    said = text.prose(value, what).strip()
    if not said:
        raise text.invalid(f"The {what} is empty")
    return said


def _key(request: AccessRequest) -> tuple[str, ...]:
    return (request.id,)
