"""A token as bytes, for another process to use."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from tillit.core.presented import BEARER, DPOP
from tillit.core.response import LONGEST_LIFE, is_token
from tillit.core.token import Token
from tillit.jose.encoding import MalformedJose, read_json_object

_VERSION: Final = 1
# A token from further ahead than clocks differ was put there before the clock was set back.
_MOST_AHEAD: Final = 60.0


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What a process must be told of a token: not what was asked for, which it knows, and which may name a person.

    `obtained` is the wall clock, in seconds, when the token was asked for.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    lifetime: int
    obtained: float
    token_type: str = BEARER

    def age(self, now: float, ttl: float | None) -> float | None:
        """Seconds since it was asked for, at `now` on the wall clock here; None if it may not be used.

        `ttl` is how long a store with a clock of its own will keep it: whichever clock says older is believed.
        """
        if self.obtained - now > _MOST_AHEAD:
            return None
        age = max(now - self.obtained, 0.0)
        if ttl is not None:
            age = max(age, self.lifetime - ttl)
        return age if age < self.lifetime else None


def encode(token: Token) -> bytes:
    """The bytes of `token`."""
    members = {
        "v": _VERSION,
        "token": token.value,
        "scopes": token.scopes,
        "lifetime": token.lifetime,
        "obtained": token.obtained_wall,
    }
    if token.token_type != BEARER:
        members["type"] = token.token_type
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def decode(blob: bytes) -> StoredToken | None:
    """The token in `blob`; None for anything that `encode` has not written."""
    try:
        members = read_json_object(blob)
    except MalformedJose:
        return None
    value, scopes = members.get("token"), members.get("scopes")
    lifetime, obtained = members.get("lifetime"), members.get("obtained")
    good = (
        members.get("v") == _VERSION
        and isinstance(value, str)
        and is_token(value)
        and isinstance(scopes, list)
        and all(isinstance(scope, str) for scope in scopes)
        and type(lifetime) is int
        and lifetime <= LONGEST_LIFE
        and isinstance(obtained, int | float)
        and members.get("type", BEARER) in (BEARER, DPOP)
    )
    if not good:
        return None
    kind = str(members.get("type", BEARER))
    return StoredToken(str(value), tuple(scopes or ()), int(lifetime or 0), float(obtained or 0.0), kind)
