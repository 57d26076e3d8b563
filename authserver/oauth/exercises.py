"""Wrong access tokens, for the owner of a scope to try an API with: each wrong in one thing, and good nowhere.

Their consumer is an organisation that no register can have. Those whose times are right live for five minutes; of the
others the time at which they would be valid never comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authserver.oauth import status_list
from authserver.oauth.orgno import iso6523

NOBODY: Final = "000000000"
NOBODY_ELSE: Final = "000000019"
ELSEWHERE: Final = "https://gym.invalid/"
_CLIENT: Final = "gym"
_LIFE: Final = 300
_DAY: Final = 86_400

STATUS_LIST: Final = 999_999
"""The number of a status list that is of no delegation. No registry comes near it: that takes 10^12 of them."""
STATUSES: Final[Mapping[int, int]] = {1: status_list.INVALID, 2: status_list.SUSPENDED}
"""What stands in that list."""
_PLACES: Final = {"revoked": 1, "suspended": 2}


@dataclass(frozen=True, slots=True)
class Exercise:
    """A token to be signed: its name, its `typ`, its claims, and the status that a sound API answers it with."""

    name: str
    typ: str
    claims: Mapping[str, Any]
    status: int = 401


def exercises(
    issuer: str,
    scope: str,
    audience: str,
    now: int,
    new_id: Callable[[], str],
    *,
    delegable: bool = False,
    other_consumer: bool = False,
) -> list[Exercise]:
    """Return the wrong tokens for an API that is known as `audience` and wants `scope`. `now` is in seconds.

    Of a `delegable` scope there are also tokens by virtue of delegations that have ended. With `other_consumer` there
    is one that is right but for its consumer, which an API that admits whoever has the scope is right to take.
    """
    right = _right(issuer, scope, audience, now)

    def wrong(name: str, expected: int = 401, /, typ: str = "at+jwt", **changes: Any) -> Exercise:
        claims = {**right, "jti": new_id(), **changes}
        return Exercise(name, typ, {member: value for member, value in claims.items() if value is not None}, expected)

    found = [
        wrong("expired", iat=now - 2 * _LIFE, exp=now - _LIFE),
        wrong("expired-long-ago", iat=now - _DAY - _LIFE, exp=now - _DAY),
        # When it begins it has ended.
        wrong("not-yet-valid", nbf=now + _DAY),
        wrong("other-issuer", iss=ELSEWHERE),
        wrong("issuer-without-slash", iss=issuer.removesuffix("/") if issuer.endswith("/") else f"{issuer}/"),
        wrong("other-audience", aud=ELSEWHERE),
        wrong("longer-audience", aud=f"{audience}x"),
        wrong("list-of-other-audiences", aud=[ELSEWHERE, f"{ELSEWHERE}2"]),
        wrong("no-audience", aud=None),
        wrong("other-type", typ="delegation+jwt"),
        # Addressed to the client itself, as OpenID Connect Core 1.0 section 2 has it.
        wrong("id-token", typ="JWT", aud=_CLIENT, client_id=None, client_amr=None, scope=None, nonce="gym"),
        *(wrong(name, 403, scope=other) for name, other in _other_scopes(scope).items()),
    ]
    if other_consumer:
        found.append(wrong("other-consumer", 403))
    if delegable:
        found += [wrong(f"{name}-delegation", **_ended(issuer, index)) for name, index in _PLACES.items()]
    return found


def _right(issuer: str, scope: str, audience: str, now: int) -> dict[str, Any]:
    return {
        "iss": issuer,
        "sub": NOBODY,
        "client_id": _CLIENT,
        "client_amr": "private_key_jwt",
        "consumer": iso6523(NOBODY),
        "aud": audience,
        "scope": scope,
        "iat": now,
        "exp": now + _LIFE,
    }


def _other_scopes(scope: str) -> dict[str, str | None]:
    return {
        "other-scope": "gym:none",
        "longer-scope": f"{scope}x",
        "shorter-scope": scope[:-1],
        "scope-inside-another": f"gym:{scope}",
        "no-scope": None,
        "empty-scope": "",
    }


def _ended(issuer: str, index: int) -> dict[str, Any]:
    """Say what a supplier's token says whose delegation has a status that is not valid."""
    return {
        "supplier": iso6523(NOBODY_ELSE),
        "delegation_source": issuer,
        "status": status_list.reference(issuer, STATUS_LIST * status_list.ENTRIES + index),
    }
