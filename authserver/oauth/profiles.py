"""Request and token profiles: what an assertion must look like, and what a token does.

`standard` is for new deployments; `maskinporten` lets existing Maskinporten clients and validators work unchanged.
A profile is chosen by the server's setting or the client's registration, never by what a request asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from authserver.oauth import limits


@dataclass(frozen=True, slots=True)
class RequestProfile:
    """The rules an assertion is held to. Times are seconds.

    `life` bounds exp - iat; `age` bounds now - iat, None meaning that an old iat alone does not refuse.
    """

    name: str
    grants: frozenset[str]
    algorithms: frozenset[str]
    jti_required: bool
    float_times: bool
    life: int
    age: int | None


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The shape of an access token: algorithm, `typ`, whether `sub` and `aud` are always there, default life (s)."""

    name: str
    alg: str
    typ: str
    rfc9068: bool
    life: int


JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_CREDENTIALS = "client_credentials"

STANDARD = "standard"
MASKINPORTEN = "maskinporten"

REQUEST_PROFILES: Mapping[str, RequestProfile] = MappingProxyType(
    {
        STANDARD: RequestProfile(
            name=STANDARD,
            grants=frozenset({JWT_BEARER, CLIENT_CREDENTIALS}),
            algorithms=frozenset({"RS256", "PS256", "ES256", "ES384", "Ed25519"}),
            jti_required=True,
            float_times=False,
            life=limits.ASSERTION_LIFE,
            age=limits.ASSERTION_AGE,
        ),
        MASKINPORTEN: RequestProfile(
            name=MASKINPORTEN,
            grants=frozenset({JWT_BEARER}),
            algorithms=frozenset({"RS256", "RS384", "RS512"}),
            jti_required=False,
            float_times=True,
            life=limits.ASSERTION_LIFE_MASKINPORTEN,
            age=None,
        ),
    }
)

TOKEN_PROFILES: Mapping[str, TokenProfile] = MappingProxyType(
    {
        STANDARD: TokenProfile(STANDARD, alg="ES256", typ="at+jwt", rfc9068=True, life=limits.TOKEN_LIFE_STANDARD),
        MASKINPORTEN: TokenProfile(
            MASKINPORTEN, alg="RS256", typ="JWT", rfc9068=False, life=limits.TOKEN_LIFE_MASKINPORTEN
        ),
    }
)
