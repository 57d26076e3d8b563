"""What an exercise is: a request that a sound API answers in one way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Grade: TypeAlias = Literal["A", "B", "C"]
"""A: an attacker gets in. B: a defence that other defences lean on is missing. C: good manners towards clients."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """A request and the statuses of a sound API. `headers` may repeat a name; the token stands in them, or nowhere."""

    name: str
    grade: Grade
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    expected: frozenset[int]
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def bearer(name: str, grade: Grade, token: str, *expected: int) -> Exercise:
    """An exercise with one token in the Authorization header."""
    return Exercise(name, grade, (("authorization", f"Bearer {token}"),), frozenset(expected or (401,)))
