"""From an unverified JWS to a signed assertion: the key, the signature, then every claim (RFC 7523 §3).

Only `verify` makes a `SignedAssertion`, and it accounts for every claim: each is judged, or refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from authserver.oauth import limits
from authserver.oauth.claims import Claims
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jose import UnverifiedJws
from authserver.oauth.jwk import KID
from authserver.oauth.models import Client, ClientKey
from authserver.oauth.profiles import RequestProfile
from authserver.oauth.request import AssertionKind, TokenRequest

_TYPES = {
    AssertionKind.GRANT: frozenset({"jwt"}),
    AssertionKind.CLIENT_AUTHENTICATION: frozenset({"jwt", "client-authentication+jwt"}),
}
_KNOWN_CLAIMS = {
    AssertionKind.CLIENT_AUTHENTICATION: frozenset({"iss", "sub", "aud", "exp", "iat", "nbf", "jti"}),
    AssertionKind.GRANT: frozenset(
        {"iss", "sub", "aud", "exp", "iat", "nbf", "jti"}
        | {"scope", "resource", "consumer_org", "pid", "authorization_details"}
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedAssertion:
    """An assertion that says who sent it, with nothing proven. `issuer` is fit for one look-up and no more."""

    kind: AssertionKind
    issuer: str
    alg: str
    kid: str | None
    jws: UnverifiedJws


@dataclass(frozen=True, slots=True)
class SignedAssertion:
    """An assertion whose signature, audience, times and claims are proven; not yet spent.

    `assertion_id` is its name for single use, to be remembered until `remember_until` (seconds).
    """

    client_id: str
    kid: str
    profile: RequestProfile
    assertion_id: str
    remember_until: int
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    consumer_org: str | None
    pid: str | None


def peek(jws: UnverifiedJws, kind: AssertionKind) -> UnverifiedAssertion:
    """Judge the header and read the issuer, believing neither.

    Raises Refusal for a `typ` of another kind of JWT (RFC 8725 §3.11) and for members of a wrong type.
    """
    typ = jws.header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES[kind]:
        raise Refusal(Reason.HEADER_TYP)
    alg = jws.header.get("alg")
    if not isinstance(alg, str):
        raise Refusal(Reason.ALGORITHM)
    x5c = jws.header.get("x5c", ["absent"])
    if not isinstance(x5c, list) or not x5c or not all(isinstance(item, str) for item in x5c):
        raise Refusal(Reason.HEADER_X5C)
    kid = jws.header.get("kid")
    if kid is not None and not (isinstance(kid, str) and KID.fullmatch(kid)):
        raise Refusal(Reason.KID_UNKNOWN)
    issuer = jws.claims.get("iss")
    if not isinstance(issuer, str) or not 0 < len(issuer) <= limits.CLIENT_ID_CHARS:
        raise Refusal(Reason.CLIENT_UNKNOWN)
    return UnverifiedAssertion(kind, issuer, alg, kid, jws)


def verify(
    unverified: UnverifiedAssertion,
    request: TokenRequest,
    client: Client,
    profile: RequestProfile,
    issuer: str,
    now: int,
) -> SignedAssertion:
    """Prove an assertion: signed by an active key of this very client, for us, now, saying nothing unknown.

    `client` is the one registered under the unverified issuer. Raises Refusal for whichever rule fails first; what
    the claims say is judged only after the signature (RFC 7523 §3, RFC 8725 §3.1-3.12).
    """
    if client.client_id != unverified.issuer:
        raise Refusal(Reason.CLIENT_UNKNOWN)
    if not client.active:
        raise Refusal(Reason.CLIENT_DISABLED)
    key = _registered_key(unverified, client, profile, now)
    if key.verifier is None or not key.verifier.verify(unverified.jws.signing_input, unverified.jws.signature):
        raise Refusal(Reason.SIGNATURE)
    if request.grant_type not in profile.grants:
        raise Refusal(Reason.GRANT_NOT_ALLOWED)
    claims = Claims(unverified.jws.claims, profile)
    claims.judge_audience(issuer)
    claims.judge_subject(client.client_id, required=unverified.kind is AssertionKind.CLIENT_AUTHENTICATION)
    remember_until = claims.judge_times(now)
    claims.judge_names(_KNOWN_CLAIMS[unverified.kind])
    if request.client_id not in (None, client.client_id):
        raise Refusal(Reason.PARAMETER_DISAGREES, detail="client_id")
    return SignedAssertion(
        client_id=client.client_id,
        kid=key.kid,
        profile=profile,
        assertion_id=claims.jti() or _digest(unverified.jws),
        remember_until=remember_until,
        scopes=claims.scopes(request.scope),
        resources=claims.resources(request.resources),
        consumer_org=claims.consumer_org(request.consumer_org),
        pid=claims.pid(),
    )


def _registered_key(unverified: UnverifiedAssertion, client: Client, profile: RequestProfile, now: int) -> ClientKey:
    """Find the key by `kid` among this client's own; the algorithm is the key's, the token only agrees."""
    if unverified.alg not in profile.algorithms:
        raise Refusal(Reason.ALGORITHM)
    if unverified.kid is None:
        raise Refusal(Reason.KID_MISSING)
    key = client.keys.get(unverified.kid)
    if key is None or not key.active:
        raise Refusal(Reason.KID_UNKNOWN)
    if now >= key.expires_at:
        raise Refusal(Reason.KEY_EXPIRED)
    if unverified.alg != key.alg:
        raise Refusal(Reason.KEY_ALGORITHM)
    return key


def _digest(jws: UnverifiedJws) -> str:
    """Name an assertion without `jti` by what was signed, never by its signature: ECDSA signatures are malleable."""
    # A jti cannot hold the hash sign, so no client can collide with a digest on purpose.
    return "sha256#" + sha256(jws.signing_input).hexdigest()
