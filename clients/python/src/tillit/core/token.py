"""An access token as a client holds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillit.clock import Clock
from tillit.core.presented import BEARER
from tillit.core.request import TokenRequest


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how long it is good for. `value` is secret and hidden in `repr`.

    `scopes` are those granted. `lifetime` is in seconds, counted from before the token was asked for.
    `token_type` is `Bearer` or `DPoP`.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    request: TokenRequest
    lifetime: int
    clock: Clock = field(repr=False, compare=False)
    obtained: float = field(repr=False, compare=False)
    obtained_wall: float = field(repr=False, compare=False)
    renew_age: float = field(repr=False, compare=False)
    token_type: str = BEARER

    @property
    def authorization(self) -> str:
        """The value of the Authorization header (RFC 6750 section 2.1); of a DPoP token only good with a proof."""
        return f"{self.token_type} {self.value}"

    def age(self) -> float:
        """Seconds since the request for this token was made.

        The larger of both clocks' opinions: the monotonic one stands still while a machine sleeps, the wall clock may
        be set back.
        """
        return max(self.clock.monotonic() - self.obtained, self.clock.time() - self.obtained_wall, 0.0)

    def expires_in(self) -> float:
        """Seconds left; zero or less when expired."""
        return self.lifetime - self.age()
