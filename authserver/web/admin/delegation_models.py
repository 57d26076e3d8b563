"""Delegations as JSON: what a caller says of a new one, and what is told of one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from authserver.oauth.models import Delegation
from authserver.registry.delegation_rules import suspended_by
from authserver.registry.text import DESCRIPTION_LENGTH, NAME_LENGTH
from authserver.web.admin.documents import Closed

_MOST_SCOPES = 200


class NewDelegation(Closed):
    """A mandate to be given: scopes, or a package instead. Without `valid_to` (seconds since 1970) it lasts a year."""

    supplier_orgno: str
    scopes: list[str] = Field(default=[], max_length=_MOST_SCOPES)
    consumer_orgno: str | None = Field(default=None, description="The caller's own organisation unless the operator.")
    valid_to: int | None = None
    package: str | None = Field(default=None, description="The package whose scopes, as they are now, are delegated.")
    purpose: str = Field(default="", max_length=DESCRIPTION_LENGTH, description="What for; both sides see it.")
    mandate: str = Field(default="", max_length=NAME_LENGTH, description="By what right this is done; it is recorded.")


class NewProposal(Closed):
    """A mandate to be decided on by the consumer; members as of one that is given."""

    consumer_orgno: str
    supplier_orgno: str
    scopes: list[str] = Field(default=[], max_length=_MOST_SCOPES)
    valid_to: int | None = None
    package: str | None = None
    purpose: str = Field(default="", max_length=DESCRIPTION_LENGTH)
    mandate: str = Field(default="", max_length=NAME_LENGTH)
    proposed_by: str | None = Field(default=None, description="For the operator: on whose behalf of the two.")


class NewHop(Closed):
    """What a supplier hands on to a further one: no scopes means all of them."""

    supplier_orgno: str
    scopes: list[str] = Field(default=[], max_length=_MOST_SCOPES)
    valid_to: int | None = None
    purpose: str = Field(default="", max_length=DESCRIPTION_LENGTH)
    mandate: str = Field(default="", max_length=NAME_LENGTH)


class StepDocument(BaseModel):
    """One thing that was done: when (seconds since 1970), for which organisation (empty: the operator), and by what."""

    at: int
    what: Literal["proposed", "accepted", "declined", "consented", "suspended", "resumed", "revoked", "redelegated"]
    orgno: str
    mandate: str


class DelegationDocument(BaseModel):
    """A mandate to act on behalf of a consumer for some scopes; times are seconds since 1970.

    `awaits` are the organisations whose consent is missing; `suspended_by` those who must resume it, empty text being
    the operator. What is handed on names what it hangs on, and who handed it on.
    """

    id: str
    consumer_orgno: str
    supplier_orgno: str
    scopes: list[str]
    valid_from: int
    valid_to: int
    status: Literal["proposed", "active", "suspended", "declined", "revoked", "expired"]
    purpose: str
    package: str | None
    parent_id: str | None
    delegator_orgno: str | None
    depth: int
    proposed_by: str
    awaits: list[str]
    suspended_by: list[str]
    steps: list[StepDocument]


def document(found: Delegation, now: int) -> DelegationDocument:
    """Show a delegation; which client or person took a step is for the change log alone."""
    said = {name: getattr(found, name) for name in DelegationDocument.model_fields if hasattr(found, name)}
    steps = [StepDocument(at=one.at, what=one.what, orgno=one.orgno, mandate=one.mandate) for one in found.steps]
    return DelegationDocument(
        **{
            **said,
            "scopes": sorted(found.scopes),
            "status": found.status_at(now),
            "awaits": list(found.awaits),
            "suspended_by": sorted(suspended_by(found)),
            "steps": steps,
        }
    )
