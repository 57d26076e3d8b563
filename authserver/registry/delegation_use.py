"""The delegator's mirror: what suppliers did in whose name, for those whom it concerns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from authserver.oauth.delegation_use import DAY, Issued, Use, use_of
from authserver.oauth.models import Delegation, Ref, Scope
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, Reader, RegistryStore

MOST_DAYS: Final = 366
MOST_DELEGATIONS: Final = 200
Role = Literal["consumer", "supplier", "owner"]


class DelegationRecords(Protocol):
    """The decision records, asked by delegation. Every method raises Unavailable."""

    async def issued(self, consumers: Collection[str], since: int, until: int) -> Issued:
        """Tokens issued by virtue of delegations of at most 200 consumers, from `since` until before `until`."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """One delegation and its use."""

    delegation: Delegation
    use: Use


@dataclass(frozen=True, slots=True)
class Period:
    """The last days, today among them, as of `now` (seconds). Raises Refusal INVALID unless 1 to 366 days."""

    now: int
    days: int = 30

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MOST_DAYS:
            raise text.invalid(f"The days are not a number from 1 to {MOST_DAYS}")

    @property
    def since(self) -> int:
        """When the first of the days began, in UTC."""
        return self.now - self.now % DAY - (self.days - 1) * DAY


async def read(
    store: RegistryStore, records: DelegationRecords, actor: Actor, period: Period, *, delegation_id: str
) -> Mirror:
    """What one delegation was used for, for its parties; owners of its scopes are told of these scopes alone.

    Raises Refusal NOT_FOUND, INVALID.
    """
    async with store.reading() as reader:
        found = await rights.delegation(reader, actor, delegation_id)
        only = None if _is_party(actor, found) else await _owned(reader, actor.orgno, found.scopes)
    if only is not None and not only:
        raise rights.unknown("delegation")
    issued = await records.issued([found.consumer_orgno], period.since, period.now + 1)
    return Mirror(found, use_of(found.id, found.consumer_orgno, issued, only))


async def page(
    store: RegistryStore,
    records: DelegationRecords,
    actor: Actor,
    period: Period,
    *,
    window: Window,
    role: Role = "consumer",
    orgno: str | None = None,
) -> Page[Mirror]:
    """What delegations were used for, by id: those an organisation gave, holds, or that are of scopes of its own.

    `orgno` is the caller's own unless the operator asks. Raises Refusal INVALID, NOT_FOUND.
    """
    asked = rights.concerned(actor, None if orgno is None else number(orgno))
    if asked is None:
        raise text.invalid("Say whose delegations")
    shown = Window(window.after, min(window.bounded.limit, MOST_DELEGATIONS))
    whose: Mapping[Role, str] = {"consumer": "consumer_orgno", "supplier": "supplier_orgno", "owner": "owner_orgno"}
    found = await store.delegation_page(shown.and_one_more, **{whose[role]: asked})
    part = paged(found, shown, lambda delegation: (delegation.id,))
    issued = await records.issued({each.consumer_orgno for each in part.items}, period.since, period.now + 1)
    only = await _owned_of_all(store, asked, part.items) if role == "owner" else None
    return Page([Mirror(each, use_of(each.id, each.consumer_orgno, issued, only)) for each in part.items], part.next)


def _is_party(actor: Actor, found: Delegation) -> bool:
    return rights.is_own(
        actor, found.consumer_orgno, found.supplier_orgno, found.delegator_orgno or found.consumer_orgno
    )


async def _owned_of_all(store: RegistryStore, owner: str, found: Sequence[Delegation]) -> frozenset[str]:
    async with store.reading() as reader:
        return await _owned(reader, owner, frozenset().union(*(each.scopes for each in found)))


async def _owned(reader: Reader, owner: str, names: Collection[str]) -> frozenset[str]:
    facts = [await reader.get(Ref("scope", name)) for name in sorted(names)]
    return frozenset(fact.name for fact in facts if isinstance(fact, Scope) and fact.owner_orgno == owner)
