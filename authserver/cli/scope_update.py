"""`authserver scope update`: other terms for a scope."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, change_at_desk
from authserver.cli.options import Json, Reason, seconds
from authserver.oauth.models import Scope
from authserver.registry import scopes

Name = Annotated[str, typer.Argument(metavar="PREFIX:SUBSCOPE", help="The scope's name.")]
Description = Annotated[str | None, typer.Option("--description", help="A sentence for those who ask for access.")]
Visibility = Annotated[str | None, typer.Option("--visibility", help="PUBLIC, PRIVATE or INTERNAL.")]
Audience = Annotated[str | None, typer.Option("--audience", help="The aud of its tokens; an empty one: none.")]
Delegable = Annotated[
    bool | None, typer.Option("--delegable/--not-delegable", help="Whether consumers may delegate it here.")
]
ForAll = Annotated[
    bool | None, typer.Option("--accessible-for-all/--not-for-all", help="Whether every organisation has access.")
]
MaxAge = Annotated[int | None, typer.Option("--max-age", help="Longest life of its tokens, seconds; 0: default.")]
Profile = Annotated[str | None, typer.Option("--token-profile", help="The shape of its tokens; an empty one: any.")]
Approval = Annotated[str | None, typer.Option("--approval", help="Who answers requests: owner, listed or any.")]
Approved = Annotated[
    list[str] | None, typer.Option("--approved-consumer", help="Whom `listed` approves; repeat it for several.")
]
ReviewAt = Annotated[str | None, typer.Option("--review-at", metavar="ISO8601", help="When to look again.")]
Contact = Annotated[str | None, typer.Option("--contact", help="Whom to ask; an empty one: nobody.")]

MaxLife = Annotated[
    int | None, typer.Option("--delegation-max-life", help="How many seconds a delegation lasts at most; 0: any.")
]
Consent = Annotated[
    bool | None,
    typer.Option("--delegation-consent/--no-delegation-consent", help="Whether the owner consents to each delegation."),
]
Suppliers = Annotated[
    list[str] | None,
    typer.Option("--delegation-supplier", metavar="ORGNO", help="Who alone may be a supplier; an empty one: anyone."),
]
Depth = Annotated[int | None, typer.Option("--redelegation-depth", help="How often it may be handed on, 0 to 3.")]


def update(
    name: Name,
    *,
    description: Description = None,
    visibility: Visibility = None,
    audience: Audience = None,
    delegable: Delegable = None,
    accessible_for_all: ForAll = None,
    max_age: MaxAge = None,
    token_profile: Profile = None,
    approval: Approval = None,
    approved_consumer: Approved = None,
    review_at: ReviewAt = None,
    contact: Contact = None,
    delegation_max_life: MaxLife = None,
    delegation_consent: Consent = None,
    delegation_supplier: Suppliers = None,
    redelegation_depth: Depth = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Change what is named of a scope's terms and leave the rest."""
    stated: dict[str, Any] = {
        "description": description,
        "visibility": visibility,
        "audience": audience,
        "accessible_for_all": accessible_for_all,
        "max_age": max_age,
        "token_profile": token_profile,
        "approval": approval,
        "approved_consumers": None if approved_consumer is None else tuple(approved_consumer),
        "review_at": None if review_at is None else seconds(review_at),
        "contact": contact,
        **_of_delegations(delegation_max_life, delegation_consent, delegation_supplier, redelegation_depth),
    }
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(lambda d: _amend(d, name, _terms(d, stated, delegable), reason))
        answer.record("The scope is as follows.", documents.scope(changed.record), changed.effect)


def _of_delegations(
    max_life: int | None, consent: bool | None, suppliers: list[str] | None, depth: int | None
) -> dict[str, Any]:
    return {
        "delegation_max_life": max_life,
        "delegation_consent": consent,
        "delegation_suppliers": None if suppliers is None else tuple(filter(None, suppliers)),
        "redelegation_depth": depth,
    }


async def _amend(desk: Desk, name: str, terms: dict[str, Any], reason: str) -> Scope:
    return await scopes.amend(desk.store, desk.actor, desk.now, name=name, terms=terms, reason=reason)


def _terms(desk: Desk, stated: dict[str, Any], delegable: bool | None) -> dict[str, Any]:
    terms = {term: value for term, value in stated.items() if value is not None}
    for term in ("audience", "token_profile", "contact"):
        if terms.get(term) == "":
            terms[term] = None
    if delegable is not None:
        terms["delegation_source"] = desk.settings.issuer if delegable else None
    return terms
