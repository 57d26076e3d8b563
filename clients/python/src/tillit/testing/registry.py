"""What a light authority knows: organisations, scopes, access, clients and delegations, in memory."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tillit.errors import ConfigError
from tillit.testing.keys import KeyPair

Profile: TypeAlias = Literal["standard", "maskinporten"]
DELEGATION_LIFE = 365 * 24 * 3600
KEY_LIFE = 365 * 24 * 3600


@dataclass(slots=True)
class Scope:
    """A scope and its terms. `max_age` is in seconds, 0 for the profile's life."""

    name: str
    owner: str
    audience: str | None = None
    delegable: bool = False
    for_all: bool = False
    max_age: int = 0
    token_profile: Profile | None = None
    active: bool = True

    @property
    def prefix(self) -> str:
        """What stands before the colon."""
        return self.name.partition(":")[0]


@dataclass(slots=True)
class ClientKey:
    """A key that is registered on a client, until `expires_at` (seconds)."""

    key: KeyPair
    expires_at: int
    active: bool = True


@dataclass(slots=True)
class Client:
    """A client of an organisation. `profile` None is the authority's."""

    id: str
    org: str
    scopes: tuple[str, ...]
    keys: dict[str, ClientKey]
    profile: Profile | None = None
    active: bool = True


@dataclass(slots=True)
class Delegation:
    """What a supplier may do in a consumer's name, between two times in seconds."""

    id: str
    consumer: str
    supplier: str
    scopes: frozenset[str]
    valid_from: int
    valid_to: int
    status: Literal["active", "suspended", "revoked"] = "active"

    def covers(self, scope: str, now: int) -> bool:
        """Whether it lets `scope` be used at `now`."""
        return self.status == "active" and scope in self.scopes and self.valid_from <= now < self.valid_to


def organisation_numbers(first: int = 31_000_000) -> Iterator[str]:
    """Valid Norwegian organisation numbers; those that start with 3 are nobody's, but for tests."""
    weights = (3, 2, 7, 6, 5, 4, 3, 2)
    for body in itertools.count(first):
        digit = (11 - sum(weight * int(one) for weight, one in zip(weights, str(body), strict=True)) % 11) % 11
        if digit < 10:
            yield f"{body}{digit}"


@dataclass
class Registry:
    """Everything that is registered. `organisations` says of each number whether it is active."""

    organisations: dict[str, bool] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    access: set[tuple[str, str]] = field(default_factory=set)
    delegations: dict[str, Delegation] = field(default_factory=dict)
    _numbers: Iterator[str] = field(default_factory=organisation_numbers, repr=False)

    def new_number(self) -> str:
        """An organisation number that is not in use here."""
        return next(number for number in self._numbers if number not in self.organisations)

    def scope(self, name: str) -> Scope:
        """The scope `name`. Raises ConfigError."""
        if name not in self.scopes:
            raise ConfigError(f"the scope {name} is not registered; add_scope comes first")
        return self.scopes[name]

    def client(self, client_id: str) -> Client:
        """The client `client_id`. Raises ConfigError."""
        if client_id not in self.clients:
            raise ConfigError("no client has this id")
        return self.clients[client_id]

    def delegate(self, consumer: str, supplier: str, scopes: tuple[str, ...], now: int, valid_to: int | None) -> str:
        """Record a delegation from `now` on, for a year unless `valid_to` says otherwise; return its id."""
        end = now + DELEGATION_LIFE if valid_to is None else valid_to
        made = Delegation(str(uuid.uuid4()), consumer, supplier, frozenset(scopes), now, end)
        self.delegations[made.id] = made
        return made.id

    def covering(self, scope: str, consumer: str, supplier: str, now: int) -> Delegation | None:
        """The delegation of `scope` between these two that lasts longest; None if there is none."""
        found = [
            one
            for one in self.delegations.values()
            if (one.consumer, one.supplier) == (consumer, supplier) and one.covers(scope, now)
        ]
        return max(found, key=lambda one: one.valid_to, default=None)
