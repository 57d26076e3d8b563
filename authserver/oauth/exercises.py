"""Wrong access tokens, for the owner of a scope to try an API with: each wrong in one thing, and good nowhere.

Their consumer is an organisation that no register can have. Those whose times are right live for five minutes; of the
others the time at which they would be valid never comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authserver.oauth.orgno import iso6523

NOBODY: Final = "000000000"
ELSEWHERE: Final = "https://gym.invalid/"
_LIFE: Final = 300
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Exercise:
    """A token to be signed: its name, its `typ`, its claims, and the status that a sound API answers it with."""

    name: str
    typ: str
    claims: Mapping[str, Any]
    status: int = 401


def exercises(issuer: str, scope: str, audience: str, now: int, new_id: Callable[[], str]) -> list[Exercise]:
    """Return the wrong tokens for an API that is known as `audience` and wants `scope`. `now` is in seconds."""

    def wrong(name: str, status: int = 401, typ: str = "at+jwt", **changes: Any) -> Exercise:
        claims = {
            "iss": issuer,
            "sub": NOBODY,
            "client_id": "gym",
            "client_amr": "private_key_jwt",
            "consumer": iso6523(NOBODY),
            "aud": audience,
            "scope": scope,
            "iat": now,
            "exp": now + _LIFE,
            "jti": new_id(),
            **changes,
        }
        return Exercise(name, typ, {member: value for member, value in claims.items() if value is not None}, status)

    return [
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
        wrong("other-scope", 403, scope="gym:none"),
        wrong("longer-scope", 403, scope=f"{scope}x"),
        wrong("shorter-scope", 403, scope=scope[:-1]),
        wrong("scope-inside-another", 403, scope=f"gym:{scope}"),
        wrong("no-scope", 403, scope=None),
        wrong("empty-scope", 403, scope=""),
    ]
