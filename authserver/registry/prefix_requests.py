"""Requests for prefixes: an organisation asks, the operator answers; no prefix is recycled or looks like another's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Prefix, PrefixRequest
from authserver.registry import prefixes, quotas, rights, text
from authserver.registry.look_alikes import alike
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Change, RegistryStore

_NINE_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class NewPrefixRequest:
    """Which prefix an organisation asks for, and what for."""

    prefix: str
    orgno: str
    purpose: str


async def ask(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewPrefixRequest,
    new_id: Callable[[], str],
    reason: str = "",
) -> PrefixRequest:
    """Ask for a prefix. `reason` is for the change log.

    Raises Refusal INVALID, NOT_FOUND, or CONFLICT when it is taken or asked for, looks like one of somebody else's,
    or too many requests wait already.
    """
    orgno = number(new.orgno)
    rights.own(actor, "organisation", orgno)
    purpose = text.prose(new.purpose, "purpose").strip()
    if not purpose:
        raise text.invalid("The purpose is empty")
    asked = PrefixRequest(new_id(), prefixes.name(new.prefix), orgno, purpose, "REQUESTED", now)
    async with rights.change(store, actor, now, reason) as change:
        organisation = await rights.organisation(change, orgno)
        await _refuse_taken(change, asked)
        await quotas.admit(change, organisation, "waiting")
        await change.put(asked)
    return asked


async def approve(
    store: RegistryStore, actor: Actor, now: int, *, request_id: str, answer: str = "", reason: str = ""
) -> PrefixRequest:
    """Give the prefix to whoever asked for it, for ever. The operator may; `answer` is for whoever asked.

    The change log gets the `reason`, or without one the answer.

    Raises Refusal NOT_ALLOWED, NOT_FOUND, INVALID, or CONFLICT if it was decided otherwise, or was taken meanwhile.
    Done again, it changes nothing.
    """
    rights.operator(actor)
    said = text.line(answer, "answer")
    async with rights.change(store, actor, now, reason or said) as change:
        present = await rights.prefix_request(change, actor, request_id)
        if present.state == "APPROVED":
            return present
        _require_open(present)
        await rights.organisation(change, present.orgno)
        if isinstance(await change.get(Prefix(present.prefix, present.orgno).ref), Prefix):
            raise _taken()
        approved = replace(present, state="APPROVED", decided_at=now, answer=said)
        await change.put(approved)
        await change.put(Prefix(present.prefix, present.orgno))
    return approved


async def deny(
    store: RegistryStore, actor: Actor, now: int, *, request_id: str, answer: str, reason: str = ""
) -> PrefixRequest:
    """Refuse the prefix, and say why. The operator may; `answer` and `reason` as of `approve`.

    Raises Refusal NOT_ALLOWED, NOT_FOUND, INVALID without an answer, or CONFLICT. Done again, it changes nothing.
    """
    rights.operator(actor)
    said = text.line(answer, "reason", required=True)
    async with rights.change(store, actor, now, reason or said) as change:
        present = await rights.prefix_request(change, actor, request_id)
        return await _close(change, present, replace(present, state="DENIED", decided_at=now, answer=said))


async def withdraw(store: RegistryStore, actor: Actor, now: int, *, request_id: str, reason: str = "") -> PrefixRequest:
    """Take a request back that nobody has decided. Raises Refusal NOT_FOUND or CONFLICT. Idempotent."""
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.prefix_request(change, actor, request_id)
        return await _close(change, present, replace(present, state="WITHDRAWN", decided_at=now))


async def read(store: RegistryStore, actor: Actor, *, request_id: str) -> PrefixRequest:
    """One request of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.prefix_request(reader, actor, request_id)


async def page(
    store: RegistryStore, actor: Actor, *, window: Window, orgno: str | None = None, state: str | None = None
) -> Page[PrefixRequest]:
    """Requests of one organisation, or of all for the operator, by id; for an organisation, its own."""
    shown = window.bounded
    found = await store.prefix_request_page(shown.and_one_more, rights.concerned(actor, orgno), state)
    return paged(found, shown, lambda request: (request.id,))


async def _close(change: Change, present: PrefixRequest, decided: PrefixRequest) -> PrefixRequest:
    if present.state == decided.state:
        return present
    _require_open(present)
    await change.put(decided)
    return decided


def _require_open(request: PrefixRequest) -> None:
    if request.state != "REQUESTED":
        raise Refusal(Reason.CONFLICT, value=f"The request is {request.state} already")


async def _refuse_taken(change: Change, asked: PrefixRequest) -> None:
    """Let nobody ask for what is taken, what could be taken for somebody else's, or another's organisation number."""
    if len(asked.prefix) == _NINE_DIGITS and asked.prefix.isdecimal() and asked.prefix != asked.orgno:
        raise text.invalid("A prefix of nine digits is the organisation number of who asks for it")
    for name, orgno in await change.prefix_names():
        if name == asked.prefix:
            raise _taken()
        if orgno != asked.orgno and alike(name, asked.prefix):
            raise Refusal(Reason.CONFLICT, value="The prefix looks like one that another organisation has or asks for")


def _taken() -> Refusal:
    return Refusal(Reason.CONFLICT, value="The prefix is taken or asked for already, and no prefix is ever recycled")
