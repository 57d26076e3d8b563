"""The compact serialisation of a signed JWT (RFC 7515 section 7.1), read strictly and not yet believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from tillit.jose.encoding import MalformedJose, b64url_decode, read_json_object

MAX_TOKEN: Final = 16 * 1024
MAX_HEADER: Final = 4 * 1024
MAX_KID: Final = 256

# crit and b64 change how the rest is read; the others carry or point to a key chosen by the sender (RFC 8725
# section 3.10), or a decompression bomb. None of them has a place in an access token.
_FORBIDDEN_HEADERS: Final = ("crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c")


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedJwt:
    """A well-formed signed JWT of which nothing has been proven."""

    alg: str
    kid: str
    typ: str | None
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def read_compact(token: str, most: int = MAX_TOKEN) -> UnverifiedJwt:
    """Take a compact JWS of at most `most` characters, with JSON claims, apart.

    Raises MalformedJose when it is too large, is not three strict base64url parts, has a header member that may not
    be there, or lacks `alg` or `kid`. `typ` is returned in lower case without `application/` (RFC 7515 section 4.1.9).
    """
    if not isinstance(token, str) or len(token) > most:
        raise MalformedJose("the token is too large")
    parts = token.split(".", 3)
    if len(parts) != 3 or not all(parts):
        raise MalformedJose("the token is not a compact JWS of three parts")
    if len(parts[0]) > MAX_HEADER:
        raise MalformedJose("the header is too large")
    alg, kid, typ = _read_header(parts[0])
    return UnverifiedJwt(
        alg=alg,
        kid=kid,
        typ=typ,
        claims=read_json_object(b64url_decode(parts[1])),
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=b64url_decode(parts[2]),
    )


# All tokens that an authority signs with one key have the same header, to the letter.
@lru_cache(maxsize=64)
def _read_header(segment: str) -> tuple[str, str, str | None]:
    header = read_json_object(b64url_decode(segment))
    for name in _FORBIDDEN_HEADERS:
        if name in header:
            raise MalformedJose(f"the header member {name} is not allowed")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str):
        raise MalformedJose("the header has no alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise MalformedJose("the header has no usable kid")
    if "typ" not in header:
        return alg, kid, None
    if not isinstance(typ, str):
        raise MalformedJose("the header member typ is not a string")
    return alg, kid, typ.lower().removeprefix("application/")
