"""Delegations: who may act for whom, of what, until when, who agreed to it, and what it hangs on.

Times are integer seconds since the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from authserver.oauth.refs import Ref

DelegationStatus = Literal["proposed", "active", "suspended", "declined", "revoked"]
StepKind = Literal["proposed", "accepted", "declined", "consented", "suspended", "resumed", "revoked", "redelegated"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a delegation: when, what, for which organisation, by whom, and by what mandate.

    `orgno` is empty for the operator. `client_id` and `person` tell who acted, as far as known.
    """

    at: int
    what: StepKind
    orgno: str = ""
    client_id: str = ""
    person: str = ""
    mandate: str = ""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A mandate to act on behalf of a consumer for some scopes, from `valid_from` until before `valid_to`.

    A first delegation is given by the consumer itself. A re-delegation hangs on the one named by `parent_id`, whose
    supplier `delegator_orgno` hands on what it holds; `depth` counts how often that was done. `awaits` are the
    organisations whose consent is missing while it is proposed. `status_index` is its place in the status lists, given
    when it first becomes active. `package` is the package whose scopes it was given with.
    """

    id: str
    consumer_orgno: str
    supplier_orgno: str
    scopes: frozenset[str]
    valid_from: int
    valid_to: int
    status: DelegationStatus = "active"
    purpose: str = ""
    package: str | None = None
    parent_id: str | None = None
    delegator_orgno: str | None = None
    depth: int = 0
    status_index: int | None = None
    proposed_by: str = ""
    awaits: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("delegations", self.consumer_orgno, self.supplier_orgno)

    @property
    def parent_ref(self) -> Ref | None:
        """The name under which the delegation it hangs on is found; None for a first delegation."""
        if self.delegator_orgno is None:
            return None
        return Ref("delegations", self.consumer_orgno, self.delegator_orgno)

    def status_at(self, now: int) -> str:
        """Return its status, or `expired` when its time has run out before it was ended otherwise."""
        ended = self.status in ("declined", "revoked")
        return self.status if ended or now < self.valid_to else "expired"


@dataclass(frozen=True, slots=True)
class Package:
    """Scopes that their owner publishes under one name of its own prefix, to be delegated together.

    A delegation takes the scopes that the package has when it is given; what becomes of the package later neither
    widens nor narrows it.
    """

    name: str
    owner_orgno: str
    title: str
    scopes: frozenset[str]
    active: bool = True

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("package", self.name)
