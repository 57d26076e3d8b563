"""What the admin API is handed, and what it needs beyond the registry, each as narrow as its use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from authserver.grants.ports import Registry
from authserver.oauth.models import Record, Ref
from authserver.registry.administration import Administration
from authserver.registry.delegation_use import DelegationRecords
from authserver.registry.evidence import Authority
from authserver.registry.ports import RegistryStore
from authserver.web.admin.bearer import Tokens
from authserver.web.admin.cursor import Cursors


class Idempotency(Protocol):
    """The memory of answers to creates. Every method raises Unavailable."""

    async def begin(self, caller: str, key: str, request: str, now: int) -> tuple[str, int, str, str] | None:
        """Claim a key for a request; None if it is claimed now, else the request, status, headers and body kept.

        A status of 0 means that the answer is still under way.
        """

    async def keep(self, caller: str, key: str, now: int, answer: tuple[int, str, str]) -> None:
        """Keep an answer: its status, headers and body."""

    async def forget(self, caller: str, key: str) -> None:
        """Give a key back, whose request changed nothing."""


class Times(Protocol):
    """When records were made and last changed."""

    async def of(self, refs: Collection[Ref]) -> Mapping[Ref, tuple[int, int]]:
        """First and last change (seconds) of each record that the change log knows. Raises Unavailable."""


class Affected(Protocol):
    """Whom a change would concern."""

    async def by(self, records: Collection[Record], since: int) -> Sequence[tuple[str, str, int]]:
        """Client, consumer and tokens issued since then (seconds) on the strength of these records."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the admin API works with. `open_store` gives a registry to one request."""

    issuer: str
    administration: Administration
    open_store: Callable[[], RegistryStore]
    registry: Registry
    tokens: Tokens
    idempotency: Idempotency
    times: Times
    affected: Affected
    delegation_records: DelegationRecords
    evidence: Authority
    cursors: Cursors
    clock: Callable[[], int]
    new_id: Callable[[], str]
    examples_allowed: bool
