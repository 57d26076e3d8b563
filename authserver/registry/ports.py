"""What the registry's use-cases need from storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from authserver.oauth.models import Client, Delegation, Fact, Organisation, Prefix, Record, Ref, Scope, ScopeAccess

Right = Literal["apis", "integrations", "delegations"]
"""What an organisation's administrator may change: scopes and access to them, clients and keys, delegations."""

ALL_RIGHTS: Final[frozenset[Right]] = frozenset({"apis", "integrations", "delegations"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: the operator, or an organisation through a client or a person, with these rights."""

    kind: Literal["operator", "organisation"]
    orgno: str = ""
    client_id: str = ""
    person: str = ""
    rights: frozenset[Right] = ALL_RIGHTS


class Change(Protocol):
    """One transaction on the registry. Everything put is committed together, with one new policy epoch."""

    async def get(self, ref: Ref) -> Fact:
        """Read a record as this transaction sees it, None if absent; delegations as a tuple."""

    async def delegation(self, delegation_id: str) -> Delegation | None:
        """Read one delegation by its id."""

    async def key_owners(self, thumbprint: str) -> Sequence[str]:
        """The organisation numbers of clients, active or not, that hold a key with this RFC 7638 thumbprint."""

    async def put(self, record: Record) -> None:
        """Insert or replace the record, and append what was before and after to the change log."""


class RegistryStore(Protocol):
    """The registry at rest."""

    @property
    def made(self) -> int | None:
        """The policy epoch of the newest change made through this object, in effect on every node; None for none."""

    def change(self, actor: Actor, now: int, reason: str = "") -> AbstractAsyncContextManager[Change]:
        """Open a transaction; on leaving it without error it is committed and the new epoch is published.

        When nothing was put, no epoch is made. Two changes are serialised.
        """

    async def organisations(self) -> Sequence[Organisation]:
        """All organisations by number."""

    async def prefixes(self) -> Sequence[Prefix]:
        """All prefixes by name."""

    async def scopes(self, prefix: str | None = None) -> Sequence[Scope]:
        """All scopes by name, or those of one prefix."""

    async def accesses(self, scope: str | None = None, consumer_orgno: str | None = None) -> Sequence[ScopeAccess]:
        """Access rows of a scope, of a consumer, or all."""

    async def clients(self, orgno: str | None = None) -> Sequence[Client]:
        """All clients, or those of one organisation."""

    async def delegations(
        self, consumer_orgno: str | None = None, supplier_orgno: str | None = None
    ) -> Sequence[Delegation]:
        """Delegations given by a consumer, held by a supplier, or all."""
