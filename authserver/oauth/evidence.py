"""Registers of delegations that other authorities keep, and what one of them answered, as the rules see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from authserver.oauth.refs import Ref


@dataclass(frozen=True, slots=True)
class DelegationSource:
    """A register of delegations that another authority keeps, and on which scopes here may rely.

    `issuer` is that authority's name, as scopes and tokens give it. Delegations are looked up at `lookup_url`, with an
    access token of ours for the scope `token_scope`.
    """

    issuer: str
    name: str
    lookup_url: str
    token_scope: str
    active: bool = True

    @property
    def ref(self) -> Ref:
        """The name under which this record changes."""
        return Ref("delegation_source", self.issuer)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The answer of the register `source` (an issuer) about one consumer and one supplier.

    `delegated` names, for each scope that is delegated, the register's own ids of the delegations that say so; a scope
    that is missing is not. `digest` (SHA-256, hex) is of the answers as they came, `age` how many seconds they were
    kept before they were used.
    """

    source: str
    consumer_orgno: str
    supplier_orgno: str
    delegated: Mapping[str, tuple[str, ...]]
    digest: str
    age: int = 0

    @property
    def line(self) -> str:
        """What the record of a decision keeps of it."""
        kept = f", {self.age} s before" if self.age else ""
        return f"{self.source} answered sha256:{self.digest}{kept}"
