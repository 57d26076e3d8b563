"""What must hold of a delegation when it is made and when it comes into force, and how each step of it is recorded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from authserver.oauth.delegation import Delegation, Step, StepKind
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.limits import DELEGATION_LIFE, DELEGATION_LIFE_CEILING
from authserver.oauth.models import Ref, Scope
from authserver.registry import rights, text
from authserver.registry.ports import Actor, Change, Reader

_LIVE = frozenset({"proposed", "active", "suspended"})


def stepped(delegation: Delegation, actor: Actor, now: int, what: StepKind, mandate: str = "") -> Delegation:
    """Return the delegation with one more step on record. Raises Refusal INVALID for a mandate that is not one line.

    The operator's steps name no organisation: it never acts as a party.
    """
    step = Step(now, what, acting(actor), actor.client_id, actor.person, text.line(mandate, "mandate"))
    return replace(delegation, steps=(*delegation.steps, step))


def acting(actor: Actor) -> str:
    """Return the organisation that a step is recorded for; empty for the operator."""
    return "" if actor.kind == "operator" else actor.orgno


def is_live(delegation: Delegation, now: int) -> bool:
    """Tell whether the delegation is, or may still come, into force."""
    return delegation.status in _LIVE and now < delegation.valid_to


def suspended_by(delegation: Delegation) -> frozenset[str]:
    """Return who has suspended the delegation and not resumed it; empty for the operator, who resumes for all."""
    holding: set[str] = set()
    for step in delegation.steps:
        if step.what == "suspended":
            holding.add(step.orgno)
        elif step.what == "resumed":
            holding = holding - {step.orgno} if step.orgno else set()
    return frozenset(holding)


async def visible_scopes(reader: Reader, actor: Actor, names: Collection[str]) -> list[Scope]:
    """Read scopes by name, each of which the actor can see. Raises Refusal NOT_FOUND."""
    return [await rights.visible_scope(reader, actor, name) for name in sorted(names)]


async def scopes_of(reader: Reader, delegation: Delegation) -> list[Scope]:
    """Read the scopes that a delegation names."""
    found = [await reader.get(Ref("scope", name)) for name in sorted(delegation.scopes)]
    return [scope for scope in found if isinstance(scope, Scope)]


async def require_terms(reader: Reader, delegation: Delegation, scopes: Sequence[Scope], issuer: str) -> None:
    """Hold a delegation against what the owners of its scopes allow now, and against its parties.

    Raises Refusal NOT_DELEGABLE, INVALID when another register keeps delegations of a scope, NOT_FOUND, or CONFLICT
    when a party or scope is deactivated, the supplier is not on an owner's list, or a hop is deeper than allowed.
    """
    await rights.organisation(reader, delegation.consumer_orgno)
    await rights.organisation(reader, delegation.supplier_orgno)
    for scope in scopes:
        if not scope.active:
            raise Refusal(Reason.CONFLICT, value=f"The scope {scope.name} is deactivated by its owner")
        if scope.delegation_source is None:
            raise Refusal(Reason.NOT_DELEGABLE, value=scope.name)
        if scope.delegation_source != issuer:
            raise text.invalid(f"Delegations of {scope.name} are kept by {scope.delegation_source}, not here")
        if scope.delegation_suppliers and delegation.supplier_orgno not in scope.delegation_suppliers:
            raise Refusal(
                Reason.CONFLICT, value=f"The supplier is not on the list that the owner of {scope.name} keeps"
            )
        if delegation.depth > scope.redelegation_depth:
            raise Refusal(Reason.CONFLICT, value=f"The owner of {scope.name} does not let it be delegated that far")


def end(asked: int | None, now: int, scopes: Sequence[Scope], latest: int | None = None) -> int:
    """Return when a new delegation stops: as asked, else in a year or as soon as the owners' terms demand.

    `latest` is when what it hangs on stops (all in seconds). Raises Refusal INVALID.
    """
    longest = min((scope.delegation_max_life or DELEGATION_LIFE_CEILING for scope in scopes), default=0)
    ceiling = now + longest if latest is None else min(now + longest, latest)
    if asked is None:
        return min(now + DELEGATION_LIFE, ceiling)
    if not now < asked <= now + DELEGATION_LIFE_CEILING:
        raise text.invalid("A delegation ends in the future, at most ten years from now")
    if asked > now + longest:
        raise text.invalid(f"The owner of a scope lets delegations of it last {longest} seconds at most")
    if asked > ceiling:
        raise text.invalid("A delegation ends no later than the one it hangs on")
    return asked


def owners_to_consent(scopes: Sequence[Scope], actor: Actor) -> tuple[str, ...]:
    """Return the owners whose own consent the delegation needs; whoever makes it consents by that."""
    asked = {scope.owner_orgno for scope in scopes if scope.delegation_consent}
    return tuple(sorted(asked - {acting(actor)}))


async def refuse_overlap(change: Change, wanted: Delegation, now: int) -> None:
    """Let no scope stand twice in what hangs on the same, lest one outlive the revocation of the other.

    Raises Refusal CONFLICT.
    """
    between = await change.get(wanted.ref)
    for present in between if isinstance(between, tuple) else ():
        same_root = present.id != wanted.id and present.parent_id == wanted.parent_id
        if same_root and is_live(present, now) and present.scopes & wanted.scopes:
            raise Refusal(
                Reason.CONFLICT, value=f"The delegation {present.id} has some of these scopes already; revoke it first"
            )


async def ancestors(reader: Reader, delegation: Delegation) -> list[Delegation]:
    """Read what a delegation hangs on, the nearest first. Raises Refusal CONFLICT if any of it is missing."""
    found: list[Delegation] = []
    above = delegation.parent_id
    while above is not None:
        parent = await reader.delegation(above)
        if parent is None or len(found) == delegation.depth:
            raise Refusal(Reason.CONFLICT, value="The delegation hangs on one that is missing")
        found.append(parent)
        above = parent.parent_id
    return found


async def come_into_force(change: Change, wanted: Delegation, issuer: str, now: int) -> Delegation:
    """Make a delegation active if nobody's consent is missing; what must hold is looked at again.

    Raises Refusal as `require_terms` does, or CONFLICT when its time is over or what it hangs on does not stand.
    """
    if wanted.awaits:
        return wanted
    if now >= wanted.valid_to:
        raise Refusal(Reason.CONFLICT, value="The time of the delegation is over")
    await require_terms(change, wanted, await scopes_of(change, wanted), issuer)
    await refuse_overlap(change, wanted, now)
    for above in await ancestors(change, wanted):
        require_standing(above, now)
    index = wanted.status_index
    if index is None:
        index = await change.free_status_index()
    return replace(wanted, status="active", status_index=index)


def require_standing(delegation: Delegation, now: int) -> None:
    """Let nothing hang on what is not in force. Raises Refusal CONFLICT."""
    if delegation.status != "active" or not delegation.valid_from <= now < delegation.valid_to:
        raise Refusal(Reason.CONFLICT, value=f"The delegation {delegation.id} is not in force")


def parties(delegation: Delegation) -> tuple[str, ...]:
    """Return on whose behalf it is, who holds it, and who handed it on."""
    handed_on_by = () if delegation.delegator_orgno is None else (delegation.delegator_orgno,)
    return (delegation.consumer_orgno, delegation.supplier_orgno, *handed_on_by)


async def owners(reader: Reader, delegation: Delegation) -> set[str]:
    """Return the owners of the scopes that a delegation names."""
    return {scope.owner_orgno for scope in await scopes_of(reader, delegation)}


def require(actor: Actor, *orgnos: str) -> None:
    """Everybody concerned sees a delegation, and each may do its own part of it. Raises Refusal NOT_ALLOWED."""
    if not rights.is_own(actor, *orgnos):
        raise Refusal(Reason.NOT_ALLOWED)


def require_status(delegation: Delegation, *wanted: str) -> None:
    """Admit only what may follow on its status. Raises Refusal CONFLICT."""
    if delegation.status not in wanted:
        raise Refusal(Reason.CONFLICT, value=f"The delegation is {delegation.status}")
