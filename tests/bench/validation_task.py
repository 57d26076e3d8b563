"""What every validator is given, and what it has to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

ISSUER = "https://authority.example.no/"
API = "https://api.example.no/"
SCOPE = "example:read"

# Returns for a token that is good, raises for any other.
Validate: TypeAlias = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Task:
    """Tokens of one algorithm, good and wrong, and the public JWK that proves them."""

    alg: str
    jwk: dict[str, Any]
    good: tuple[str, ...]
    wrong: dict[str, str]
