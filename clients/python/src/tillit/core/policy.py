"""What an API accepts: issuers, audience, algorithms, kinds of token, times."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tillit.errors import ConfigError
from tillit.jose.algorithms import DEFAULT_ALGORITHMS, KNOWN_ALGORITHMS

JWT: Final = "jwt"
AT_JWT: Final = "at+jwt"


class _NoAudience(enum.Enum):
    NO_AUDIENCE = "NO_AUDIENCE"


NO_AUDIENCE: Final = _NoAudience.NO_AUDIENCE


@dataclass(frozen=True, init=False, slots=True)
class Policy:
    """The rules of one API. Times in seconds.

    `issuers` are accepted to the letter. `audience` is how tokens must address this API: one or several identifiers,
    or `NO_AUDIENCE` said aloud for an API that has none. A token addressed to somebody else is refused in either case
    (RFC 7519 section 4.1.3); one addressed to nobody, which only the `JWT` profile allows, is accepted under
    `NO_AUDIENCE` or with `accept_unaddressed`. `token_types` are values of the `typ` header, None for its absence.
    `leeway` is how far clocks may be apart; `max_age` bounds the time since issue. Raises ConfigError.
    """

    issuers: frozenset[str]
    audience: frozenset[str]
    accept_unaddressed: bool
    algorithms: frozenset[str]
    leeway: int
    token_types: frozenset[str | None]
    max_age: int | None

    def __init__(
        self,
        issuers: str | Iterable[str],
        audience: str | Iterable[str] | Literal[_NoAudience.NO_AUDIENCE],
        *,
        accept_unaddressed: bool = False,
        algorithms: Iterable[str] = DEFAULT_ALGORITHMS,
        leeway: int = 10,
        token_types: Iterable[str | None] = (None, "JWT", "at+jwt"),
        max_age: int | None = None,
    ) -> None:
        nobody = audience is NO_AUDIENCE
        values: dict[str, object] = {
            "issuers": _strings(issuers, "issuers"),
            "audience": frozenset() if isinstance(audience, _NoAudience) else _strings(audience, "audience"),
            "accept_unaddressed": nobody or accept_unaddressed,
            "algorithms": frozenset(algorithms),
            "leeway": leeway,
            "token_types": frozenset(typ if typ is None else typ.lower() for typ in token_types),
            "max_age": max_age,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not self.algorithms or not self.algorithms <= KNOWN_ALGORITHMS:
            raise ConfigError("algorithms must be among " + ", ".join(sorted(KNOWN_ALGORITHMS)))
        if not self.token_types or not self.token_types <= {None, JWT, AT_JWT}:
            raise ConfigError("token_types must be among None, 'JWT' and 'at+jwt'")
        if not 0 <= leeway <= 300 or (max_age is not None and max_age <= 0):
            raise ConfigError("leeway must be 0 to 300 seconds, max_age positive")


def _strings(value: str | Iterable[str], name: str) -> frozenset[str]:
    values = frozenset((value,) if isinstance(value, str) else value)
    if not values or not all(isinstance(item, str) and item for item in values):
        raise ConfigError(f"{name} must be one or more texts")
    return values
