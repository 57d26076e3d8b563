"""What the registry's use-cases need from storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from authserver.oauth.consent import Consent
from authserver.oauth.feeds import DeadLetter, ExpiringKey, LoggedChange
from authserver.oauth.models import (
    AccessRequest,
    Client,
    Delegation,
    DelegationSource,
    Fact,
    Organisation,
    Package,
    Prefix,
    PrefixRequest,
    Record,
    Ref,
    Scope,
    ScopeAccess,
    Webhook,
)
from authserver.registry.paging import Window

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


Quota = Literal["clients", "scopes", "waiting", "webhooks"]
"""What an organisation may have so many of: clients, scopes, requests that nobody has decided, active webhooks."""


class Reader(Protocol):
    """One state of the registry, to read from."""

    async def count(self, quota: Quota, orgno: str) -> int:
        """How many of a kind an organisation has; clients and scopes that are deactivated too."""

    async def get(self, ref: Ref) -> Fact:
        """Read a record as this transaction sees it, None if absent; delegations as a tuple."""

    async def facts(self, refs: Collection[Ref]) -> Mapping[Ref, Fact]:
        """Read many records at once, each as `get` does."""

    async def delegation(self, delegation_id: str) -> Delegation | None:
        """Read one delegation by its id."""

    async def concerned(self, delegation_id: str) -> frozenset[str]:
        """The organisations that a delegation concerns: its parties, who handed it on so far, owners of its scopes."""


class Change(Reader, Protocol):
    """One transaction on the registry. Everything put is committed together, with one new policy epoch."""

    async def key_owners(self, thumbprint: str) -> Sequence[str]:
        """The organisation numbers of clients, active or not, that hold a key with this RFC 7638 thumbprint."""

    async def open_request(self, scope: str, consumer_orgno: str) -> AccessRequest | None:
        """The request of a consumer for a scope that nobody has decided."""

    async def prefix_names(self) -> Sequence[tuple[str, str]]:
        """Every prefix there is or that is asked for, and whose it is or would be."""

    async def keep_secret(self, webhook_id: str, secret: str) -> None:
        """Keep the secret of a new webhook, which is told of every change from now on."""

    async def keep_consent(self, consent: Consent) -> None:
        """Keep the signature of whoever gave a delegation, in the place of an earlier one to it."""

    async def send_again(self, webhook_id: str, seqs: Collection[int]) -> int:
        """Let a webhook's dead letters with these numbers be sent again; return how many of them there are."""

    async def free_status_index(self) -> int:
        """Draw an index for the status lists that no delegation has."""

    async def free_status_indexes(self, count: int) -> Sequence[int]:
        """So many places in the status lists that no delegation has, each another."""

    async def put_new(self, records: Sequence[Delegation]) -> None:
        """Insert delegations that are not there yet, all at once, each as `put` does."""

    async def put(self, record: Record) -> None:
        """Insert or replace the record, and append what was before and after to the change log."""


class Pages(Protocol):
    """Lists in pages, each in the order of its key; None leaves out nothing. They take no lock."""

    async def organisation_page(self, window: Window) -> Sequence[Organisation]:
        """Organisations by number."""

    async def prefix_page(self, window: Window, owner_orgno: str | None = None) -> Sequence[Prefix]:
        """Prefixes by name."""

    async def scope_page(
        self, window: Window, owner_orgno: str | None = None, prefix: str | None = None
    ) -> Sequence[Scope]:
        """Scopes by name."""

    async def access_page(
        self,
        window: Window,
        scope: str | None = None,
        consumer_orgno: str | None = None,
        owner_orgno: str | None = None,
    ) -> Sequence[ScopeAccess]:
        """Access by scope and consumer; `owner_orgno` is who owns the scope."""

    async def client_page(self, window: Window, orgno: str | None = None) -> Sequence[Client]:
        """Clients by id."""

    async def delegation_page(
        self,
        window: Window,
        consumer_orgno: str | None = None,
        supplier_orgno: str | None = None,
        party: str | None = None,
        owner_orgno: str | None = None,
    ) -> Sequence[Delegation]:
        """Delegations by id; `party` is consumer, supplier or who handed it on, `owner_orgno` owns some scope."""

    async def package_page(self, window: Window, owner_orgno: str | None = None) -> Sequence[Package]:
        """Packages by name."""

    async def delegation_source_page(self, window: Window) -> Sequence[DelegationSource]:
        """Registers of other authorities by issuer."""

    async def access_request_page(
        self,
        window: Window,
        consumer_orgno: str | None = None,
        owner_orgno: str | None = None,
        scope: str | None = None,
        state: str | None = None,
    ) -> Sequence[AccessRequest]:
        """Requests for access by id; `owner_orgno` is who owns the scope."""

    async def prefix_request_page(
        self, window: Window, orgno: str | None = None, state: str | None = None
    ) -> Sequence[PrefixRequest]:
        """Requests for prefixes by id."""

    async def webhook_page(self, window: Window, orgno: str | None = None) -> Sequence[Webhook]:
        """Webhooks by id."""

    async def expiring_keys(self, window: Window, since: int, until: int, orgno: str | None) -> Sequence[ExpiringKey]:
        """Active keys of active clients that end after `since` and not after `until` (seconds), the first first."""

    async def changes(
        self, window: Window, orgno: str | None = None, kinds: Collection[str] | None = None
    ) -> Sequence[LoggedChange]:
        """The change log by number, or what of it concerns one organisation or is of these kinds."""

    async def dead_letters(self, webhook_id: str, window: Window) -> Sequence[DeadLetter]:
        """What a webhook was not told of, by number."""


class RegistryStore(Pages, Protocol):
    """The registry at rest."""

    def reading(self) -> AbstractAsyncContextManager[Reader]:
        """Open one state of the registry to read from, without the lock that changes take."""

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
