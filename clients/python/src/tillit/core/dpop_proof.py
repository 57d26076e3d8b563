"""DPoP proofs as a server reads them (RFC 9449 section 4.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from tillit.access_errors import InvalidProof
from tillit.core.htu import NotAnAddress, normal_htu
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey, UnsuitableKey, canonical_name
from tillit.jose.compact import MAX_HEADER
from tillit.jose.encoding import MalformedJose, b64url_decode, b64url_encode, read_json_object
from tillit.jose.public_keys import read_public_jwk, thumbprint

DPOP_TYPE: Final = "dpop+jwt"
MAX_PROOF: Final = 8 * 1024
_MAX_JTI: Final = 256
_MAX_NONCE: Final = 512
# Header members that would change how the rest is read, or bring a second key beside `jwk`.
_FORBIDDEN: Final = ("crit", "b64", "zip", "enc", "jku", "x5u", "x5c")


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A proof whose signature was verified with the key it holds. `issued_at` is seconds since the Unix epoch.

    `htu` is normalised. `thumbprint` is the RFC 7638 one of the key.
    """

    thumbprint: str
    jti: str
    htm: str
    htu: str
    issued_at: int
    ath: str | None
    nonce: str | None

    @property
    def digest(self) -> bytes:
        """A value that a proof shares with no other: its key and its `jti`."""
        return hashlib.sha256(f"{self.thumbprint}.{self.jti}".encode()).digest()


def access_token_hash(token: str) -> str:
    """The `ath` of an access token (RFC 9449 section 4.2)."""
    return b64url_encode(hashlib.sha256(token.encode("ascii")).digest())


def the_proof(lines: Sequence[str]) -> str:
    """The one DPoP header of a request (check 1). Raises InvalidProof."""
    if len(lines) != 1:
        raise InvalidProof("there is no DPoP header" if not lines else "there is more than one DPoP header")
    return lines[0].strip(" ")


def read_proof(text: str, accepted: Collection[str]) -> DpopProof:
    """The proof in `text`, signed by the key in its own header under one of the `accepted` algorithms.

    Checks 2 to 7: one JWT, its members, `typ`, `alg`, signature, and no private key. Raises InvalidProof.
    """
    parts = text.split(".", 3)
    if len(text) > MAX_PROOF or len(parts) != 3 or not all(parts) or len(parts[0]) > MAX_HEADER:
        raise InvalidProof("the DPoP proof is not one JWT of three parts, or it is too large")
    try:
        alg, key, print_of_key = _read_header(parts[0])
        claims, signature = read_json_object(b64url_decode(parts[1])), b64url_decode(parts[2])
    except (MalformedJose, UnsuitableKey) as error:
        raise InvalidProof(f"the DPoP proof: {error}") from None
    if alg not in accepted:
        raise InvalidProof("the algorithm of the DPoP proof is not accepted")
    if not algorithms.verify(alg, key, f"{parts[0]}.{parts[1]}".encode("ascii"), signature):
        raise InvalidProof("the signature of the DPoP proof is not valid")
    return _proof(claims, print_of_key)


# A client sends the same header with each proof, to the letter. Neither errors nor verdicts are kept, only the key.
@lru_cache(maxsize=1024)
def _read_header(segment: str) -> tuple[str, PublicKey, str]:
    header = read_json_object(b64url_decode(segment))
    for name in _FORBIDDEN:
        if name in header:
            raise MalformedJose(f"the header member {name} is not allowed")
    typ, alg, jwk = header.get("typ"), header.get("alg"), header.get("jwk")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != DPOP_TYPE:
        raise MalformedJose("the header member typ is not dpop+jwt")
    if not isinstance(alg, str) or not isinstance(jwk, dict):
        raise MalformedJose("the header has no alg or no jwk")
    name = canonical_name(alg) or alg
    if "alg" in jwk and (not isinstance(jwk["alg"], str) or canonical_name(jwk["alg"]) != name):
        raise MalformedJose("the key is for another algorithm")
    # A proof's key needs no kid, and it has the one algorithm that the header says.
    key = read_public_jwk({**jwk, "kid": "proof", "alg": name}).key
    return name, key, thumbprint(key)


def _proof(claims: Mapping[str, Any], print_of_key: str) -> DpopProof:
    issued_at = claims.get("iat")
    if not isinstance(issued_at, int) or isinstance(issued_at, bool) or issued_at < 0:
        raise InvalidProof("the claim iat of the DPoP proof is missing or not a whole number of seconds")
    try:
        htu = normal_htu(_text(claims, "htu", MAX_PROOF))
    except NotAnAddress as error:
        raise InvalidProof(f"the claim htu of the DPoP proof: {error}") from None
    return DpopProof(
        thumbprint=print_of_key,
        jti=_text(claims, "jti", _MAX_JTI),
        htm=_text(claims, "htm", 64),
        htu=htu,
        issued_at=issued_at,
        ath=_text(claims, "ath", 64) if "ath" in claims else None,
        nonce=_text(claims, "nonce", _MAX_NONCE) if "nonce" in claims else None,
    )


def _text(claims: Mapping[str, Any], name: str, most: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise InvalidProof(f"the claim {name} of the DPoP proof is missing or malformed")
    return value
