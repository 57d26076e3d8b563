"""Judging an assertion (RFC 7523 section 3) in a real authority's order: header, client, key, signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillit.core.assertion import GRANT_TYPE
from tillit.jose.encoding import MalformedJose, b64url_decode, read_json_object
from tillit.testing.forms import CLIENT_CREDENTIALS, TokenForm
from tillit.testing.keys import KeyPair
from tillit.testing.refusals import Refused
from tillit.testing.registry import Client

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FORBIDDEN: Final = frozenset({"crit", "jwk", "jku", "x5u", "zip", "b64", "enc", "epk"})
_KID: Final = re.compile(r"[A-Za-z0-9._~:+/=-]{1,128}")
_MAX_MEMBERS: Final = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """What a profile demands of assertions. `life` bounds exp - iat, `age` now - iat, in seconds."""

    grants: frozenset[str]
    algorithms: frozenset[str]
    jti_required: bool
    float_times: bool
    life: int
    age: int | None


RULES: Final[Mapping[str, Rules]] = {
    "standard": Rules(
        frozenset({GRANT_TYPE, CLIENT_CREDENTIALS}),
        frozenset({"RS256", "PS256", "ES256", "ES384", "Ed25519"}),
        jti_required=True,
        float_times=False,
        life=120,
        age=130,
    ),
    "maskinporten": Rules(
        frozenset({GRANT_TYPE}),
        frozenset({"RS256", "RS384", "RS512"}),
        jti_required=False,
        float_times=True,
        life=180,
        age=None,
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class Assertion:
    """A JWS taken apart, with nothing proven."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def read(form: TokenForm) -> Assertion:
    """Take the assertion apart and judge its header. Raises Refused."""
    text = form.assertion
    if len(text) > 24 * 1024:
        raise Refused("assertion.size")
    if not _COMPACT.fullmatch(text):
        raise Refused("assertion.malformed")
    head, body, signature = text.split(".")
    try:
        header, claims = (read_json_object(b64url_decode(part)) for part in (head, body))
        assertion = Assertion(header, claims, f"{head}.{body}".encode("ascii"), b64url_decode(signature))
    except MalformedJose:
        raise Refused("assertion.malformed") from None
    if len(header) > _MAX_MEMBERS or len(claims) > _MAX_MEMBERS:
        raise Refused("assertion.malformed")
    if not _FORBIDDEN.isdisjoint(header):
        raise Refused("header.forbidden")
    if "x5c" not in header and len(text) > 8 * 1024:
        raise Refused("assertion.size")
    _judge_header(header, authenticates=form.authenticates)
    return assertion


def _judge_header(header: Mapping[str, Any], *, authenticates: bool) -> None:
    typ = header.get("typ", "JWT")
    types = {"jwt", "client-authentication+jwt"} if authenticates else {"jwt"}
    if not isinstance(typ, str) or typ.lower() not in types:
        raise Refused("header.typ")
    if not isinstance(header.get("alg"), str):
        raise Refused("algorithm")
    x5c = header.get("x5c", ["absent"])
    if not isinstance(x5c, list) or not x5c or not all(isinstance(item, str) for item in x5c):
        raise Refused("header.x5c")
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and _KID.fullmatch(kid)):
        raise Refused("kid.unknown")


def prove(assertion: Assertion, client: Client, rules: Rules, now: int) -> None:
    """Require the signature of an active key of `client`. Raises Refused."""
    if not client.active:
        raise Refused("client.disabled")
    key = _key(assertion, client, rules, now)
    if not key.verify(assertion.signing_input, assertion.signature):
        raise Refused("signature")


def _key(assertion: Assertion, client: Client, rules: Rules, now: int) -> KeyPair:
    alg, kid = assertion.header["alg"], assertion.header.get("kid")
    if alg not in rules.algorithms:
        raise Refused("algorithm")
    if kid is None:
        raise Refused("kid.missing")
    held = client.keys.get(kid)
    if held is None or not held.active:
        raise Refused("kid.unknown")
    if now >= held.expires_at:
        raise Refused("key.expired")
    if alg != held.key.alg:
        raise Refused("key.algorithm")
    return held.key
