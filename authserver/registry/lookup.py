"""The look-up of delegations for other authorities: who may ask about which scopes, and what counts as delegated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Delegation, Facts, Organisation, Prefix, Ref, Scope
from authserver.oauth.orgno import parse
from authserver.registry import text
from authserver.registry.administration import Caller

ASK: Final = "maskinporten/delegations"
ASK_ALL: Final = "maskinporten/delegations.admin"
SUBSCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ASK: "Look up delegations of the scopes under one's own prefixes.",
        ASK_ALL: "Look up delegations of every scope.",
    }
)
MOST: Final = 1_000


class Held(Protocol):
    """Delegations at rest."""

    async def of_scope(
        self, scope: str, now: int, most: int, *, consumer_orgno: str | None, supplier_orgno: str | None
    ) -> Sequence[Delegation]:
        """First delegations, not re-delegated, that are active at `now` and name the scope. Raises Unavailable."""


class MalformedLookupError(Exception):
    """The question cannot be answered; `faults` are sentences by the name of the parameter at fault."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Question:
    """Which delegations of a scope are asked for; a party that is None may be anyone."""

    scope: str
    consumer_orgno: str | None
    supplier_orgno: str | None


def question(scope: str, consumer_orgno: str, supplier_orgno: str) -> Question:
    """Make a question of parameters, an empty one counting as absent. Raises MalformedLookupError."""
    faults = {}
    if not scope or not text.fit(scope):
        faults["scope"] = "The scope field is required."
    for name, value in (("consumerOrg", consumer_orgno), ("supplierOrg", supplier_orgno)):
        if value and not _is_orgno(value):
            faults[name] = f"{name.capitalize()} is not an valid organization number"
    if faults:
        raise MalformedLookupError(faults)
    return Question(scope, consumer_orgno or None, supplier_orgno or None)


async def look_up(
    held: Held,
    read: Callable[[Collection[Ref]], Awaitable[Facts]],
    caller: Caller,
    now: int,
    *,
    asked: Question,
    issuer: str,
) -> Sequence[Delegation]:
    """Find the delegations that would count here, at this moment, for a token with this scope.

    Raises Refusal NOT_ALLOWED for a scope under a prefix of somebody else's, unless the caller may ask about all, and
    MalformedLookupError when there are more than fit in one answer.
    """
    refs = Ref("prefix", asked.scope.partition(":")[0]), Ref("scope", asked.scope)
    facts = await read(refs)
    prefix, scope = (facts[ref] for ref in refs)
    if ASK_ALL not in caller.subscopes and not _is_own(prefix, caller):
        raise Refusal(Reason.NOT_ALLOWED)
    if not (isinstance(prefix, Prefix) and prefix.active and isinstance(scope, Scope) and scope.active):
        return []
    if scope.delegation_source != issuer:
        return []
    found = await _held(held, read, asked, now)
    if len(found) > MOST:
        sentence = f"There are more than {MOST} delegations; name the supplier, the consumer, or both"
        raise MalformedLookupError({"supplierOrg": sentence})
    if scope.delegation_suppliers:
        found = [one for one in found if one.supplier_orgno in scope.delegation_suppliers]
    active = await _active(read, {scope.owner_orgno, *(orgno for one in found for orgno in _parties(one))})
    return [one for one in found if {scope.owner_orgno, *_parties(one)} <= active]


async def _held(
    held: Held, read: Callable[[Collection[Ref]], Awaitable[Facts]], asked: Question, now: int
) -> Sequence[Delegation]:
    """Find active delegations of the scope; those between two known parties are in the snapshot."""
    if asked.consumer_orgno is None or asked.supplier_orgno is None:
        return await held.of_scope(
            asked.scope, now, MOST + 1, consumer_orgno=asked.consumer_orgno, supplier_orgno=asked.supplier_orgno
        )
    ref = Ref("delegations", asked.consumer_orgno, asked.supplier_orgno)
    between = (await read([ref]))[ref]
    return [
        one
        for one in (between if isinstance(between, tuple) else ())
        if one.parent_id is None
        and one.status == "active"
        and one.valid_from <= now < one.valid_to
        and asked.scope in one.scopes
    ]


def _is_own(prefix: object, caller: Caller) -> bool:
    return isinstance(prefix, Prefix) and prefix.active and prefix.owner_orgno == caller.actor.orgno


def _parties(delegation: Delegation) -> tuple[str, str]:
    return delegation.consumer_orgno, delegation.supplier_orgno


async def _active(read: Callable[[Collection[Ref]], Awaitable[Facts]], orgnos: Collection[str]) -> set[str]:
    facts = await read([Ref("organisation", orgno) for orgno in orgnos])
    return {fact.orgno for fact in facts.values() if isinstance(fact, Organisation) and fact.active}


def _is_orgno(value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True
