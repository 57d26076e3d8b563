"""What is gained by whoever finds a miss, which clause it breaks, and how it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """For one kind of miss: what an attacker gains, the clause, and what to write in common libraries."""

    gains: str
    clause: str
    mend: str


_SIGNATURE: Final = Advice(
    "Anybody writes a token for any organisation and scope.",
    "RFC 7515 §5.2; RFC 8725 §3.1-3.3",
    "Let the library verify, with a list of algorithms of your own. tillit: TokenValidator. PyJWT: "
    "jwt.decode(token, key, algorithms=[...]), never verify_signature=False. joserfc: jwt.decode(token, keys, "
    "algorithms=[...]). jose: jwtVerify(token, keys, {algorithms}). Nimbus: JWSVerificationKeySelector with a set of "
    "algorithms. Spring: jws-algorithms.",
)
_ALGORITHM: Final = Advice(
    "Anybody writes tokens: your public key, or nothing at all, is taken as the secret.",
    "RFC 8725 §2.1, §3.1, §3.2",
    "Bind each key to one algorithm and allow RS256 and ES256 alone; never HS256 beside them, never none.",
)
_KEY: Final = Advice(
    "Anybody signs with a key of their own and has you use it.",
    "RFC 8725 §3.10; RFC 7515 §4.1.2-4.1.5",
    "Take keys from the authority's jwks_uri alone, by kid. Never follow jwk, jku, x5u or x5c in a token.",
)
_TIME: Final = Advice(
    "A token that leaked is good for ever, or before its time.",
    "RFC 7519 §4.1.4, §4.1.5; RFC 9068 §4",
    "Demand exp, check exp and nbf, and allow a minute of leeway at most. PyJWT: options={'require': ['exp']}. "
    "jose: clockTolerance. joserfc: JWTClaimsRegistry(exp={'essential': True}).validate(claims).",
)
_ISSUER: Final = Advice(
    "A token of another authority whose keys you know opens your API.",
    "RFC 8725 §3.8; RFC 9068 §4",
    "Compare iss to the letter. PyJWT, jose: issuer=. Spring: issuer-uri. Nimbus: DefaultJWTClaimsVerifier.",
)
_AUDIENCE: Final = Advice(
    "Any API that gets a token for itself can use it at yours.",
    "RFC 8725 §3.9; RFC 9068 §4",
    "Demand aud, and compare it whole. PyJWT, jose: audience=. Spring: audiences. tillit: audience= of the validator.",
)
_SCOPE: Final = Advice(
    "An organisation that has another scope gets at what this one guards.",
    "RFC 6749 §3.3; RFC 6750 §3.1",
    "Split scope at spaces and look for the whole word; answer 403 with insufficient_scope. tillit: AllOf('x:read').",
)
_TYPE: Final = Advice(
    "Something else that the authority signs is taken for an access token.",
    "RFC 8725 §3.11; RFC 9068 §4",
    "Accept typ at+jwt (and JWT for the profile maskinporten) and no other. jose: typ. Nimbus: JOSEObjectTypeVerifier.",
)
_CONSUMER: Final = Advice(
    "An organisation that is not among those you admit is served, once it has the scope.",
    "RFC 9068 §5",
    "Compare consumer.ID of a token that is proven with those you admit, whole, and answer 403. tillit: "
    "Access(scopes, consumer=...).",
)
_STATUS: Final = Advice(
    "A supplier whose delegation was ended goes on in the consumer's name until its token ends.",
    "draft-ietf-oauth-status-list §8.3",
    "Look the claim status up in the list that it names, and refuse what is not valid there. tillit: "
    "TokenValidator.for_issuer(..., check_status=True). Without that, keep the tokens of the scope short.",
)
_CARRIED: Final = Advice(
    "Tokens in addresses end up in logs; of two tokens, two parts of your system may believe another one.",
    "RFC 6750 §2, §3.1; RFC 9700 §4.3.2",
    "Read one Authorization header with the scheme Bearer, and nothing else.",
)
_MANNERS: Final = Advice(
    "Nobody gets in; clients cannot tell what to do, and monitoring cries wolf.",
    "RFC 6750 §3, §3.1; RFC 9110 §11.1, §15.5.2",
    "401 with WWW-Authenticate: Bearer for a token that is not good, 403 for a scope that is missing, never 5xx.",
)
_BY_NAME: Final[dict[str, Advice]] = {
    "expired": _TIME,
    "expired-long-ago": _TIME,
    "not-yet-valid": _TIME,
    "other-issuer": _ISSUER,
    "issuer-without-slash": _ISSUER,
    "other-audience": _AUDIENCE,
    "longer-audience": _AUDIENCE,
    "list-of-other-audiences": _AUDIENCE,
    "no-audience": _AUDIENCE,
    "other-type": _TYPE,
    "id-token": _TYPE,
    "other-consumer": _CONSUMER,
    "revoked-delegation": _STATUS,
    "suspended-delegation": _STATUS,
    "key-in-header": _KEY,
    "address-of-key-in-header": _KEY,
    "unknown-kid": _KEY,
    "no-kid": _KEY,
    "token-in-query": _CARRIED,
    "two-tokens": _CARRIED,
    "token-and-more": _CARRIED,
    "other-scheme": _CARRIED,
    "token-without-scheme": _CARRIED,
}


def advice_for(name: str, grade: str) -> Advice:
    """The advice for a miss of this exercise; one of grade C was refused, and only in another way."""
    if grade == "C":
        return _MANNERS
    if name in _BY_NAME:
        return _BY_NAME[name]
    if "scope" in name:
        return _SCOPE
    if name.startswith("alg-") or name.endswith("secret") or "-as-secret" in name:
        return _ALGORITHM
    return _SIGNATURE
