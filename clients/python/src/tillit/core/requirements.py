"""Which scopes an endpoint wants. "All of" and "any of" are said, never guessed from a list."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from tillit.errors import ConfigError


@dataclass(frozen=True, init=False, slots=True)
class AllOf:
    """Every one of these scopes."""

    scopes: tuple[str, ...]

    def __init__(self, *scopes: str) -> None:
        object.__setattr__(self, "scopes", _names(scopes))

    def met_by(self, granted: AbstractSet[str]) -> bool:
        """Whether `granted` is enough."""
        return all(scope in granted for scope in self.scopes)


@dataclass(frozen=True, init=False, slots=True)
class AnyOf:
    """At least one of these scopes."""

    scopes: tuple[str, ...]

    def __init__(self, *scopes: str) -> None:
        object.__setattr__(self, "scopes", _names(scopes))

    def met_by(self, granted: AbstractSet[str]) -> bool:
        """Whether `granted` is enough."""
        return any(scope in granted for scope in self.scopes)


Requirement: TypeAlias = AllOf | AnyOf


def _names(scopes: tuple[str, ...]) -> tuple[str, ...]:
    # AllOf("a b") would be a scope nobody can have, and AllOf() a requirement everybody meets.
    if not scopes or any(not isinstance(scope, str) or not scope or " " in scope for scope in scopes):
        raise ConfigError("name at least one scope, each as its own argument")
    return scopes
