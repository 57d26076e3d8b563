"""A strict reader of compact JWS in front of the libraries, which are good at signatures and lax at parsing.

Only the compact form of RFC 7515 §7.1 is read: three base64url segments without padding, white space or stray bits, two
strict JSON objects. Headers that could choose a key or change the meaning of the rest are refused (RFC 8725 §3.10).
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authserver.oauth import limits
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.strict_json import parse_object

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# The two characters that differ; those of plain base64 become what no base64 has.
_TO_BASE64 = bytes.maketrans(b"-_+/", b"+/!!")
_FORBIDDEN_HEADERS = frozenset({"crit", "jwk", "jku", "x5u", "zip", "b64", "enc", "epk"})


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedJws:
    """A well-formed JWS that nobody has vouched for yet: header, claims, what was signed, and the signature."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def read(compact: str) -> UnverifiedJws:
    """Read a compact JWS without believing a word of it.

    Raises Refusal ASSERTION_SIZE, ASSERTION_MALFORMED or HEADER_FORBIDDEN. Costs a bounded amount of work (P8).
    """
    if len(compact) > limits.ASSERTION_WITH_X5C_BYTES:
        raise Refusal(Reason.ASSERTION_SIZE)
    jws, header_bytes = _take_apart(compact, limits.JOSE_HEADER_WITH_X5C_BYTES, limits.CLAIMS_BYTES)
    _judge_header(jws.header, header_bytes, len(compact))
    return jws


def read_document(compact: str, most: int) -> UnverifiedJws:
    """Read a compact JWS of at most `most` characters that is no assertion: larger, but without certificates.

    Raises Refusal as `read` does.
    """
    if len(compact) > most:
        raise Refusal(Reason.ASSERTION_SIZE)
    jws, _ = _take_apart(compact, limits.JOSE_HEADER_BYTES, most)
    if "x5c" in jws.header or not _FORBIDDEN_HEADERS.isdisjoint(jws.header):
        raise Refusal(Reason.HEADER_FORBIDDEN)
    return jws


def decode_segment(segment: str) -> bytes:
    """Decode base64url without padding (RFC 7515 §2); refuse trailing bits that a lax reader would ignore.

    Raises ValueError.
    """
    octets = segment.encode("ascii").translate(_TO_BASE64)
    decoded = a2b_base64(octets + b"==")
    if b2a_base64(decoded, newline=False).rstrip(b"=") != octets:
        raise ValueError("not canonical base64url")
    return decoded


def _take_apart(compact: str, most_header: int, most_claims: int) -> tuple[UnverifiedJws, int]:
    """Return the JWS and how many bytes its header has. Raises Refusal ASSERTION_SIZE or ASSERTION_MALFORMED."""
    if not _COMPACT.fullmatch(compact):
        raise Refusal(Reason.ASSERTION_MALFORMED, detail="not three base64url segments")
    signing_input, _, signature_segment = compact.rpartition(".")
    header_segment, _, claims_segment = signing_input.partition(".")
    try:
        header_bytes = decode_segment(header_segment)
        claims_bytes = decode_segment(claims_segment)
        signature = decode_segment(signature_segment)
        if len(header_bytes) > most_header or len(claims_bytes) > most_claims:
            raise Refusal(Reason.ASSERTION_SIZE)
        header = parse_object(header_bytes)
        claims = parse_object(claims_bytes)
    except ValueError as fault:
        raise Refusal(Reason.ASSERTION_MALFORMED, detail=str(fault)) from None
    return UnverifiedJws(header, claims, signing_input.encode("ascii"), signature), len(header_bytes)


def _judge_header(header: Mapping[str, Any], header_bytes: int, compact_bytes: int) -> None:
    if not _FORBIDDEN_HEADERS.isdisjoint(header):
        raise Refusal(Reason.HEADER_FORBIDDEN)
    # Only a certificate chain may make a header, and so an assertion, this large.
    if "x5c" not in header and (header_bytes > limits.JOSE_HEADER_BYTES or compact_bytes > limits.ASSERTION_BYTES):
        raise Refusal(Reason.ASSERTION_SIZE)
