"""`authserver delegation`: propose, decide on, stop and hand on mandates, each step as the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, at_desk, change_at_desk, new_id
from authserver.cli.options import Json, Reason, seconds
from authserver.oauth.models import Delegation
from authserver.registry import delegation_decisions, delegation_ending, delegations, redelegation

DelegationId = Annotated[str, typer.Argument(metavar="ID", help="The delegation's id.")]
Consumer = Annotated[str, typer.Option("--consumer", metavar="ORGNO", help="Organisation number of who delegates.")]
Supplier = Annotated[str, typer.Option("--supplier", metavar="ORGNO", help="Organisation number of who acts.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope to delegate; repeat it for several.")]
PackageName = Annotated[str | None, typer.Option("--package", help="A package instead, for the scopes it has now.")]
ValidTo = Annotated[
    str | None, typer.Option("--valid-to", metavar="ISO8601", help="When it ends; in a year when absent.")
]
Purpose = Annotated[str, typer.Option("--purpose", help="What for; both sides see it.")]
Mandate = Annotated[str, typer.Option("--mandate", help="By what right; it is recorded with the step.")]


def asked(scopes: list[str] | None, package: str | None) -> list[str]:
    """Return the scopes to delegate, none for a package. Raises typer.BadParameter for both, and for neither."""
    if (not scopes) == (package is None):
        raise typer.BadParameter("name scopes with --scope, or a package with --package")
    return scopes or []


def propose(
    *,
    consumer: Consumer,
    supplier: Supplier,
    scope: Scopes = None,
    package: PackageName = None,
    valid_to: ValidTo = None,
    purpose: Purpose = "",
    mandate: Mandate = "",
    by: Annotated[str | None, typer.Option("--by", metavar="ORGNO", help="Who proposes it; else the supplier.")] = None,
    as_json: Json = False,
) -> None:
    """Propose a delegation, for the consumer to decide on."""
    wanted = asked(scope, package)
    end = None if valid_to is None else seconds(valid_to)
    new = delegations.NewDelegation(consumer, supplier, wanted, end, package, purpose, mandate)
    done(
        lambda d: delegations.propose(
            d.store, d.actor, d.now, new=new, issuer=d.settings.issuer, new_id=new_id, proposed_by=by
        ),
        as_json=as_json,
    )


def accept(delegation_id: DelegationId, mandate: Mandate = "", reason: Reason = "", as_json: Json = False) -> None:
    """Agree to a proposal for its consumer."""
    _step(delegation_decisions.accept, delegation_id, mandate, reason, as_json=as_json, terms=_issuer)


def decline(delegation_id: DelegationId, mandate: Mandate = "", reason: Reason = "", as_json: Json = False) -> None:
    """Turn a proposal down for ever."""
    _step(delegation_decisions.decline, delegation_id, mandate, reason, as_json=as_json)


def consent(
    delegation_id: DelegationId,
    *,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="ORGNO", help="For which owner; else for all.")
    ] = None,
    mandate: Mandate = "",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Agree to a delegation for an owner of a scope that demands it."""
    _step(
        delegation_decisions.consent,
        delegation_id,
        mandate,
        reason,
        as_json=as_json,
        terms=lambda d: _issuer(d) | {"owner_orgno": owner},
    )


def suspend(delegation_id: DelegationId, mandate: Mandate = "", reason: Reason = "", as_json: Json = False) -> None:
    """Put a delegation out of force at once, and all that hangs on it, until the operator resumes it."""
    _step(delegation_ending.suspend, delegation_id, mandate, reason, as_json=as_json)


def resume(delegation_id: DelegationId, mandate: Mandate = "", reason: Reason = "", as_json: Json = False) -> None:
    """Put a suspended delegation in force again, whoever suspended it."""
    _step(delegation_ending.resume, delegation_id, mandate, reason, as_json=as_json, terms=_issuer)


def redelegate(
    delegation_id: DelegationId,
    *,
    supplier: Supplier,
    scope: Scopes = None,
    valid_to: ValidTo = None,
    purpose: Purpose = "",
    mandate: Mandate = "",
    as_json: Json = False,
) -> None:
    """Hand a delegation on to a further supplier, as far as the scopes' owners let it; all scopes if none is named."""
    end = None if valid_to is None else seconds(valid_to)
    new = redelegation.NewHop(delegation_id, supplier, scope or (), end, purpose, mandate)
    done(
        lambda d: redelegation.redelegate(d.store, d.actor, d.now, new=new, issuer=d.settings.issuer, new_id=new_id),
        as_json=as_json,
    )


def show(delegation_id: DelegationId, as_json: Json = False) -> None:
    """Show one delegation and every step of it."""
    with answering(as_json=as_json) as answer:
        record = at_desk(lambda d: delegations.read(d.store, d.actor, delegation_id=delegation_id))
        answer.record(f"The delegation is {record.status}.", documents.delegation(record))


def done(work: Callable[[Desk], Awaitable[Delegation]], *, as_json: bool) -> None:
    """Do a step and tell how the delegation stands after it."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record(
            f"The delegation is {changed.record.status}.", documents.delegation(changed.record), changed.effect
        )


def _step(
    use_case: Callable[..., Awaitable[Delegation]],
    delegation_id: str,
    mandate: str,
    reason: str,
    *,
    as_json: bool,
    terms: Callable[[Desk], dict[str, str | None]] = lambda _: {},
) -> None:
    done(
        lambda d: use_case(
            d.store, d.actor, d.now, delegation_id=delegation_id, mandate=mandate, reason=reason, **terms(d)
        ),
        as_json=as_json,
    )


def _issuer(desk: Desk) -> dict[str, str | None]:
    return {"issuer": desk.settings.issuer}
