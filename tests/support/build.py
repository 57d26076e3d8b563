"""What the tests of the rules are built from: keys made once, and values that are right until one thing is changed.

Signatures are made with the bare primitives, so that the library under test never checks its own work.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from authserver.oauth import jwk
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import (
    Client,
    ClientKey,
    Delegation,
    Fact,
    Organisation,
    Prefix,
    Record,
    Ref,
    Scope,
    ScopeAccess,
)
from authserver.oauth.profiles import CLIENT_CREDENTIALS, JWT_BEARER
from authserver.oauth.request import AssertionKind, TokenRequest

NOW = 1_700_000_000
ISSUER = "https://auth.example/"

OWNER = "974761076"
CONSUMER = "991825827"
SUPPLIER = "889640782"

CLIENT_ID = "client-of-the-consumer"
SCOPE = "tax:income.read"
OTHER_SCOPE = "tax:income.write"
DELEGATION_ID = "d-1"

ABSENT: Any = object()
"""Stands for a member that is left out."""

_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key that signs one algorithm, and the public JWK that a client registers."""

    alg: str
    kid: str
    jwk: Mapping[str, str]
    sign: Callable[[bytes], bytes] = field(compare=False, repr=False)


@contextmanager
def refuses(reason: Reason) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """Expect a refusal for exactly this reason."""
    with pytest.raises(Refusal) as caught:
        yield caught
    assert caught.value.reason is reason


def b64(data: bytes) -> str:
    """Encode base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def uint(number: int, size: int = 0) -> str:
    """Encode a positive integer as JWKs do."""
    return b64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


@cache
def key(alg: str = "ES256", name: str = "first") -> KeyPair:
    """Make a key pair for an algorithm; asked again by the same name it is the same."""
    kid = f"{name}-{alg}"
    if alg.startswith(("RS", "PS")):
        return _rsa(alg, kid)
    if alg == "Ed25519":
        return _ed25519(kid)
    return _ec(alg, kid)


def client_key(pair: KeyPair | None = None, **changes: Any) -> ClientKey:
    """Register a public key as the registry does, through intake."""
    pair = pair or key()
    accepted = jwk.accept(pair.jwk, kid=pair.kid, alg=pair.alg)
    registered = ClientKey(
        kid=accepted.kid,
        alg=accepted.alg,
        jwk=accepted.jwk,
        thumbprint=accepted.thumbprint,
        expires_at=NOW + 1_000_000,
        verifier=accepted.verifier,
    )
    return replace(registered, **changes)


def make_client(*pairs: KeyPair, **changes: Any) -> Client:
    """Make an active client of the consumer, with the scope and one ES256 key unless others are given."""
    keys = {registered.kid: registered for registered in map(client_key, pairs or (key(),))}
    client = Client(CLIENT_ID, CONSUMER, scopes=frozenset({SCOPE}), keys=keys)
    return replace(client, **changes)


def header(pair: KeyPair | None = None, **changes: Any) -> dict[str, Any]:
    """Make the JOSE header of a right assertion, with changes; ABSENT leaves a member out."""
    pair = pair or key()
    return _without_absent({"alg": pair.alg, "kid": pair.kid, "typ": "JWT"} | changes)


def claims(**changes: Any) -> dict[str, Any]:
    """Make the claims of a right grant, with changes; ABSENT leaves a claim out."""
    right = {"iss": CLIENT_ID, "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": "jti-1", "scope": SCOPE}
    return _without_absent(right | changes)


def credentials(**changes: Any) -> dict[str, Any]:
    """Make the claims of a right client authentication (RFC 7523 §3), with changes."""
    return claims(**({"scope": ABSENT, "sub": CLIENT_ID} | changes))


def compact(header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], pair: KeyPair | None = None) -> str:
    """Sign any two byte strings, or objects as JSON, as a compact JWS."""
    pair = pair or key()
    segments = [b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)]
    signing_input = ".".join(segments)
    return f"{signing_input}.{b64(pair.sign(signing_input.encode('ascii')))}"


def make_assertion(
    pair: KeyPair | None = None,
    *,
    in_header: Mapping[str, Any] | None = None,
    in_claims: Mapping[str, Any] | None = None,
) -> str:
    """Sign a right grant with one thing changed in its header or its claims."""
    return compact(header(pair, **(in_header or {})), claims(**(in_claims or {})), pair)


def make_request(assertion: str = "", **changes: Any) -> TokenRequest:
    """Make a JWT-bearer request (RFC 7523 §2.1) with changes."""
    request = TokenRequest(
        grant_type=JWT_BEARER,
        kind=AssertionKind.GRANT,
        assertion=assertion,
        client_id=None,
        scope=None,
        resources=(),
        consumer_org=None,
    )
    return replace(request, **changes)


def make_credentials_request(assertion: str = "", **changes: Any) -> TokenRequest:
    """Make a client-credentials request with `private_key_jwt` (RFC 7523 §2.2) with changes."""
    right = {"grant_type": CLIENT_CREDENTIALS, "kind": AssertionKind.CLIENT_AUTHENTICATION, "scope": (SCOPE,)}
    return make_request(assertion, **(right | changes))


def make_scope(name: str = SCOPE, **changes: Any) -> Scope:
    """Make an active, delegable scope of the owner, with changes."""
    prefix = name.partition(":")[0]
    return replace(Scope(name, prefix, OWNER, delegation_source=ISSUER), **changes)


def make_delegation(**changes: Any) -> Delegation:
    """Make an active delegation of the scope from the consumer to the supplier, with changes."""
    right = Delegation(DELEGATION_ID, CONSUMER, SUPPLIER, frozenset({SCOPE}), NOW - 1000, NOW + 100_000)
    return replace(right, **changes)


def policy(*records: Record) -> dict[Ref, Fact]:
    """Make the facts under which the consumer and the supplier acting for it may have the scope.

    A record given replaces the one of the same name; clients are added as they are.
    """
    right: tuple[Record, ...] = (
        *(Organisation(orgno, f"Organisation {orgno}") for orgno in (OWNER, CONSUMER, SUPPLIER)),
        Prefix("tax", OWNER),
        make_scope(),
        ScopeAccess(SCOPE, CONSUMER, "APPROVED"),
        make_delegation(),
    )
    return {record.ref: (record,) if isinstance(record, Delegation) else record for record in (*right, *records)}


def _without_absent(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


def _rsa(alg: str, kid: str) -> KeyPair:
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    digest = _HASHES[alg[2:]]()
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if alg.startswith("PS") else padding.PKCS1v15()
    members = {"kty": "RSA", "n": uint(numbers.n), "e": uint(numbers.e)}
    return KeyPair(alg, kid, members, lambda data: private.sign(data, scheme, digest))


def _ec(alg: str, kid: str) -> KeyPair:
    curve, name = {"ES256": (ec.SECP256R1(), "P-256"), "ES384": (ec.SECP384R1(), "P-384")}[alg]
    private = ec.generate_private_key(curve)
    size = curve.key_size // 8
    digest = ec.ECDSA(_HASHES[alg[2:]]())
    point = private.public_key().public_numbers()

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(private.sign(data, digest))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return KeyPair(alg, kid, {"kty": "EC", "crv": name, "x": uint(point.x, size), "y": uint(point.y, size)}, sign)


def _ed25519(kid: str) -> KeyPair:
    private = ed25519.Ed25519PrivateKey.generate()
    public = b64(private.public_key().public_bytes_raw())
    return KeyPair("Ed25519", kid, {"kty": "OKP", "crv": "Ed25519", "x": public}, private.sign)
