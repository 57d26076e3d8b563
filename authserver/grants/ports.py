"""What a token request needs from the world, each as narrow as its use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from authserver.grants.lanes import Lane
from authserver.oauth.assertion import UnverifiedAssertion
from authserver.oauth.decision import Decision
from authserver.oauth.evidence import Evidence
from authserver.oauth.models import DelegationSource, Facts, Ref
from authserver.oauth.signed_token import SignedToken
from authserver.oauth.single_use import Spending, Spent
from authserver.oauth.unavailable import Unavailable

__all__ = [
    "Admission",
    "Clock",
    "Decisions",
    "Lane",
    "NewId",
    "OutsideRegisters",
    "Registry",
    "SignedToken",
    "Signer",
    "SingleUse",
    "Spending",
    "Spent",
    "Unavailable",
]


class Admission(Protocol):
    """Who may go on to the expensive part of a token request now."""

    async def enter(self, unverified: UnverifiedAssertion) -> Lane:
        """Wait for a turn if need be; return the lane whose slot is held. Raises Refusal CLIENT_BUSY, OVERLOADED."""

    def leave(self, lane: Lane) -> None:
        """Give the slot back."""


class Registry(Protocol):
    """This node's snapshot of the registry."""

    @property
    def epoch(self) -> int:
        """The policy epoch up to which the snapshot has followed the registry."""

    async def facts(self, refs: Collection[Ref]) -> Facts:
        """Return every named record, None where there is none; loads what the snapshot lacks. Raises Unavailable."""

    async def follow(self, epoch: int) -> None:
        """Drop what changed until the snapshot has reached this epoch. Raises Unavailable."""

    async def latest(self) -> int:
        """Read the epoch from the authority's shared store. Raises Unavailable."""


class OutsideRegisters(Protocol):
    """The registers of delegations that other authorities keep."""

    async def look_up(
        self, source: DelegationSource, *, consumer_orgno: str, supplier_orgno: str, scopes: Sequence[str]
    ) -> Evidence:
        """Ask whether a consumer has delegated these scopes to a supplier, and return what the register says.

        Raises Refusal REGISTER_SILENT when it did not answer clearly, and in time.
        """


class SingleUse(Protocol):
    """The memory of assertions, shared by every node; one conditional write decides (P1)."""

    async def spend(self, spending: Spending, now: int) -> Spent:
        """Use the assertion up and read the policy epoch. Raises Unavailable if that cannot be confirmed."""

    async def release(self, spending: Spending) -> None:
        """Give an assertion back when it is certain that nothing was recorded for it; best effort."""


class Signer(Protocol):
    """Our signing keys."""

    async def sign(self, claims: dict[str, Any], *, alg: str, typ: str) -> SignedToken:
        """Sign the claims as a compact JWS with the active key of this algorithm. Raises Unavailable."""


class Decisions(Protocol):
    """The durable record of decisions (P2)."""

    async def commit(self, decision: Decision) -> None:
        """Return once the decision is committed.

        Raises Unavailable, `certain` when it surely was not recorded, and Refusal REPLAYED when the record already
        holds a token for the assertion: it has the last word on single use.
        """


class Clock(Protocol):
    """Wall-clock time."""

    def __call__(self) -> int:
        """Return seconds since the Unix epoch."""


class NewId(Protocol):
    """A source of unguessable ids of at least 128 bits."""

    def __call__(self) -> str:
        """Return a new id, URL-safe."""
