"""Registry records that no token request reads: what was asked of an owner or the operator, and who is to be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from authserver.oauth.refs import Ref

CaseState = Literal["REQUESTED", "APPROVED", "DENIED", "WITHDRAWN"]


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A consumer's request for a scope, and what became of it. It admits nothing: only the access it led to does.

    `answer` is what the owner said with the decision; `by_rule` tells that the owner's rule decided. `decided_at` is
    0 until somebody did.
    """

    id: str
    scope: str
    consumer_orgno: str
    purpose: str
    legal_basis: str
    state: CaseState
    asked_at: int
    decided_at: int = 0
    answer: str = ""
    by_rule: bool = False

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("access_request", self.id)


@dataclass(frozen=True, slots=True)
class PrefixRequest:
    """An organisation's request for a prefix, and what became of it; members as of AccessRequest."""

    id: str
    prefix: str
    orgno: str
    purpose: str
    state: CaseState
    asked_at: int
    decided_at: int = 0
    answer: str = ""

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("prefix_request", self.id)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where an organisation wants to be told of changes that concern it; no `kinds` means every kind."""

    id: str
    orgno: str
    url: str
    kinds: tuple[str, ...] = ()
    active: bool = True

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("webhook", self.id)
