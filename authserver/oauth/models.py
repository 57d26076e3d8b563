"""The registry's records as the rules see them: frozen, already validated, free of storage.

Times are integer seconds since the Unix epoch; lifetimes are seconds. A record that is absent refuses, as one that
is not active does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from authserver.oauth.cases import AccessRequest, PrefixRequest, Webhook
from authserver.oauth.delegation import Delegation, DelegationStatus, Package, Step
from authserver.oauth.evidence import DelegationSource
from authserver.oauth.refs import Ref, RefKind

__all__ = [
    "AccessRequest",
    "AccessState",
    "Approval",
    "Case",
    "Client",
    "ClientKey",
    "Delegation",
    "DelegationSource",
    "DelegationStatus",
    "Delegations",
    "Fact",
    "Facts",
    "Organisation",
    "Package",
    "Prefix",
    "PrefixRequest",
    "Record",
    "Ref",
    "RefKind",
    "Scope",
    "ScopeAccess",
    "Step",
    "VerificationKey",
    "Webhook",
]

AccessState = Literal["REQUESTED", "APPROVED", "DENIED"]
Approval = Literal["owner", "listed", "any"]


@dataclass(frozen=True, slots=True)
class Organisation:
    """A legal entity, known by its nine-digit organisation number.

    `most_…` is how many of a kind the operator lets it have, None for the default; requests that wait among them.
    """

    orgno: str
    name: str
    active: bool = True
    most_clients: int | None = None
    most_scopes: int | None = None
    most_waiting: int | None = None
    most_webhooks: int | None = None

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("organisation", self.orgno)


@dataclass(frozen=True, slots=True)
class Prefix:
    """A namespace of scopes, owned by one organisation for ever; deactivating it stops all its scopes."""

    prefix: str
    owner_orgno: str
    active: bool = True

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("prefix", self.prefix)


@dataclass(frozen=True, slots=True)
class Scope:
    """A right to call an API, `prefix:subscope`, defined by the prefix owner.

    `max_age` caps a token's life in seconds, 0 meaning the default. `delegation_source` is the issuer of the register
    that proves delegations of this scope; None means it cannot be delegated. `audience` is what tokens name in `aud`.
    `attributes` keeps fields of the public scope list that grant nothing, for round trips.

    `approval` tells who answers a request for access: the owner, or its rule at once, for everybody (`any`) or for the
    `approved_consumers` (`listed`). The rule answers requests only; what admits is the access it leads to. At
    `review_at` (seconds) the owner wants to look at the terms again; `contact` is whom to ask.

    Delegations of the scope last `delegation_max_life` seconds at most (0: the ceiling), need the owner's own consent
    with `delegation_consent`, go to `delegation_suppliers` alone if there are any, and may be handed on by their
    supplier `redelegation_depth` times.
    """

    name: str
    prefix: str
    owner_orgno: str
    description: str = ""
    active: bool = True
    accessible_for_all: bool = False
    audience: str | None = None
    delegation_source: str | None = None
    max_age: int = 0
    token_profile: str | None = None
    visibility: str = "PUBLIC"
    allowed_integration_types: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    approval: Approval = "owner"
    approved_consumers: tuple[str, ...] = ()
    review_at: int | None = None
    contact: str | None = None
    delegation_max_life: int = 0
    delegation_consent: bool = False
    delegation_suppliers: tuple[str, ...] = ()
    redelegation_depth: int = 0

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("scope", self.name)


@dataclass(frozen=True, slots=True)
class ScopeAccess:
    """The owner's answer to whether a consumer may have a scope; only APPROVED admits."""

    scope: str
    consumer_orgno: str
    state: AccessState

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("access", self.scope, self.consumer_orgno)


class VerificationKey(Protocol):
    """A public key that has passed intake and verifies exactly one algorithm."""

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's, over exactly these bytes (RFC 7515 §5.2)."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key registered on a client, bound to one algorithm (RFC 8725 §3.1).

    `jwk` is the canonical public JWK as JSON; `thumbprint` is its RFC 7638 SHA-256; the key stops at `expires_at`.
    """

    kid: str
    alg: str
    jwk: str
    thumbprint: str
    expires_at: int
    active: bool = True
    verifier: VerificationKey | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client of one organisation, with its registered scopes and keys by `kid`.

    `profile` names the request profile it is held to, None meaning the server's. `token_lifetime` is in seconds, 0
    meaning the profile's default. `extras` keeps fields of the self-service API that grant nothing, for round trips.
    """

    client_id: str
    orgno: str
    name: str = ""
    active: bool = True
    profile: str | None = None
    token_lifetime: int = 0
    integration_type: str = "maskinporten"
    scopes: frozenset[str] = frozenset()
    keys: Mapping[str, ClientKey] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> Ref:
        """The name under which this record changes, its keys and scopes included."""
        return Ref("client", self.client_id)


Delegations = tuple[Delegation, ...]
Case = AccessRequest | PrefixRequest | Webhook
Record = Organisation | Prefix | Scope | ScopeAccess | Client | Delegation | Package | DelegationSource | Case
Fact = Organisation | Prefix | Scope | ScopeAccess | Client | Delegations | Package | DelegationSource | Case | None
Facts = Mapping[Ref, Fact]
