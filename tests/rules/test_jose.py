"""The strict reader of compact JWS (R-011 to R-015; RFC 7515 §7.1, RFC 8725)."""

import json
import zlib
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import jose, limits
from authserver.oauth.errors import Reason, Refusal
from tests.support.build import b64, claims, compact, header, key, make_assertion, refuses

PLAIN = make_assertion()
HEADER, CLAIMS, SIGNATURE = PLAIN.split(".")


def joined(*, header: bytes | None = None, claims: bytes | None = None) -> str:
    """Put other bytes in the place of one segment."""
    return f"{HEADER if header is None else b64(header)}.{CLAIMS if claims is None else b64(claims)}.{SIGNATURE}"


MALFORMED = {
    "empty": "",
    "7515-7.1-one-segment": HEADER,
    "7515-7.1-two-segments": f"{HEADER}.{CLAIMS}",
    "7515-7.1-four-segments": f"{PLAIN}.{SIGNATURE}",
    "7516-five-segments-of-a-jwe": f"{HEADER}.{CLAIMS}.{SIGNATURE}.{SIGNATURE}.{SIGNATURE}",
    "7515-A.5-none-without-signature": f"{HEADER}.{CLAIMS}.",
    "7797-detached": f"{HEADER}..{SIGNATURE}",
    "no-header": f".{CLAIMS}.{SIGNATURE}",
    "7515-7.2-json-serialization": json.dumps({"payload": CLAIMS, "protected": HEADER, "signature": SIGNATURE}),
    "8725-3.14-padded-signature": f"{HEADER}.{CLAIMS}.{SIGNATURE}==",
    "8725-3.14-padded-claims": f"{HEADER}.e30=.{SIGNATURE}",
    "base64-not-url": f"{HEADER}.{CLAIMS}.+/+/",
    "white-space-before": " " + PLAIN,
    "line-feed-after": PLAIN + "\n",
    "line-feed-inside": f"{HEADER[:4]}\n{HEADER[4:]}.{CLAIMS}.{SIGNATURE}",
    "nul-after": PLAIN + "\0",
    "full-width-dot": PLAIN.replace(".", "\uff0e"),
    "cyrillic-letter": "\u0435" + PLAIN[1:],
    "lone-surrogate": "\ud800" + PLAIN,
    "stray-bits-in-signature": f"{HEADER}.{CLAIMS}.AB",
    "stray-bits-in-claims": f"{HEADER}.e31.{SIGNATURE}",
    "length-1-modulo-4": f"{HEADER}.{CLAIMS}.A",
    "header-is-an-array": joined(header=b"[]"),
    "header-is-no-json": joined(header=b"alg"),
    "header-in-utf-16": joined(header=json.dumps(header()).encode("utf-16")),
    "header-with-two-algs": joined(header=b'{"alg":"none","alg":"ES256"}'),
    "claims-with-bom": joined(claims=b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
    "claims-with-two-isses": joined(claims=b'{"iss":"a","\\u0069ss":"b"}'),
    "claims-with-a-lone-surrogate": joined(claims=b'{"iss":"\\ud800"}'),
    "claims-with-nul": joined(claims=b'{"iss":"a\\u0000"}'),
    "claims-with-a-30-digit-exp": joined(claims=b'{"exp":100000000000000000000000000000}'),
    "claims-are-a-nested-jwt": joined(claims=PLAIN.encode()),
    "claims-are-deflated": joined(claims=zlib.compress(json.dumps(claims()).encode())),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_refuses_what_is_not_one_compact_jws(text: str) -> None:
    """Only three canonical base64url segments with two strict JSON objects are read."""
    with refuses(Reason.ASSERTION_MALFORMED):
        jose.read(text)


FORBIDDEN: dict[str, dict[str, Any]] = {
    "R-012-crit-empty": {"crit": []},
    "R-012-crit-alg": {"crit": ["alg"]},
    "R-012-crit-unknown": {"crit": ["exp"], "exp": 1},
    "R-012-crit-absent-name": {"crit": ["x"]},
    "R-012-crit-twice": {"crit": ["b64", "b64"], "b64": True},
    "R-012-crit-text": {"crit": "b64"},
    "R-012-crit-null": {"crit": None},
    "7797-b64-true": {"b64": True},
    "7797-b64-false": {"b64": False},
    "7797-crit-b64": {"crit": ["b64"], "b64": False},
    "R-015-zip": {"zip": "DEF"},
    "R-015-enc": {"enc": "A256GCM"},
    "7518-epk": {"epk": {}},
    "R-011-jwk-own": {"jwk": dict(key().jwk)},
    "R-011-jwk-null": {"jwk": None},
    "R-011-jku": {"jku": "https://evil.example/jwks"},
    "R-011-x5u": {"x5u": "https://evil.example/cert"},
}


@pytest.mark.parametrize("change", FORBIDDEN.values(), ids=FORBIDDEN)
def test_refuses_headers_that_choose_a_key_or_change_the_meaning(change: dict[str, Any]) -> None:
    """A validly signed assertion with such a header is refused whatever the header's value."""
    with refuses(Reason.HEADER_FORBIDDEN):
        jose.read(make_assertion(in_header=change))


def test_reads_what_was_signed() -> None:
    """A compact JWS is split into its header, its claims, the exact bytes that were signed, and the signature."""
    read = jose.read(PLAIN)
    assert read.header == header()
    assert read.claims == claims()
    assert read.signing_input == f"{HEADER}.{CLAIMS}".encode()
    assert b64(read.signature) == SIGNATURE


def test_harmless_headers_are_left_alone() -> None:
    """Headers that neither choose a key nor change the meaning are carried along unused."""
    change = {"x5t#S256": "abc", "cty": "JWT", "x5c": ["MIIB"]}
    assert jose.read(make_assertion(in_header=change)).header == header() | change


def of_size(size: int, **in_header: Any) -> str:
    """Make a well-formed text of exactly this many characters; a canonical segment never has one modulo four."""
    for jti in ("j", "ji", "jti"):
        start = f"{b64(json.dumps(header(**in_header)).encode())}.{b64(json.dumps(claims(jti=jti)).encode())}."
        if (size - len(start)) % 4 != 1:
            return start + "A" * (size - len(start))
    raise AssertionError("three lengths in a row cannot all be wrong")


@pytest.mark.parametrize(
    ("size", "in_header", "allowed"),
    [
        pytest.param(limits.ASSERTION_BYTES, {}, True, id="8-KiB"),
        pytest.param(limits.ASSERTION_BYTES + 1, {}, False, id="more-than-8-KiB"),
        pytest.param(limits.ASSERTION_BYTES + 1, {"x5c": ["MIIB"]}, True, id="more-than-8-KiB-with-x5c"),
        pytest.param(limits.ASSERTION_WITH_X5C_BYTES, {"x5c": ["MIIB"]}, True, id="24-KiB-with-x5c"),
        pytest.param(limits.ASSERTION_WITH_X5C_BYTES + 1, {"x5c": ["MIIB"]}, False, id="more-than-24-KiB-with-x5c"),
        pytest.param(1_000_000, {}, False, id="1-MB"),
    ],
)
def test_an_assertion_has_at_most_8_kib_and_24_with_a_chain(
    size: int, in_header: dict[str, Any], allowed: bool
) -> None:
    """Length is judged before anything costs work, and only a certificate chain may make an assertion large."""
    text = of_size(size, **in_header)
    assert len(text) == size
    if allowed:
        assert jose.read(text).header["alg"] == "ES256"
    else:
        with refuses(Reason.ASSERTION_SIZE):
            jose.read(text)


def padded(member: str, size: int) -> bytes:
    """Make an object of one text member that has exactly this many bytes."""
    return json.dumps({member: "k" * (size - len(json.dumps({member: ""})))}).encode()


def test_a_header_has_at_most_4_kib() -> None:
    """A header without a certificate chain fills its room and not a byte more."""
    assert jose.read(compact(padded("kid", limits.JOSE_HEADER_BYTES), b"{}")).header["kid"]
    with refuses(Reason.ASSERTION_SIZE):
        jose.read(compact(padded("kid", limits.JOSE_HEADER_BYTES + 1), b"{}"))


def test_a_chain_makes_room_in_the_header() -> None:
    """A header with a certificate chain may be larger than one without."""
    chain = header(x5c=["MIIB" * 1024] * 3)
    assert len(json.dumps(chain)) > 3 * limits.JOSE_HEADER_BYTES
    assert jose.read(compact(chain, b"{}")).header == chain


def test_claims_have_at_most_8_kib() -> None:
    """The claims are bounded by themselves, also where a chain makes room for more."""
    chain = header(x5c=["MIIB"])
    assert jose.read(compact(chain, padded("jti", limits.CLAIMS_BYTES))).claims["jti"]
    with refuses(Reason.ASSERTION_SIZE):
        jose.read(compact(chain, padded("jti", limits.CLAIMS_BYTES + 1)))


segments = st.text("ABCQgwe03_-", max_size=12)
bytes_in_segments = st.tuples(st.binary(max_size=60), st.binary(max_size=60)).map(
    lambda parts: f"{b64(parts[0])}.{b64(parts[1])}.AAAA"
)


@given(st.text(max_size=80) | st.lists(segments, min_size=2, max_size=4).map(".".join) | bytes_in_segments)
def test_reading_raises_only_refusals(text: str) -> None:
    """Whatever the text, reading ends in a JWS that is this text, or in a Refusal."""
    with suppress(Refusal):
        read = jose.read(text)
        assert f"{read.signing_input.decode()}.{b64(read.signature)}" == text


@given(st.binary(max_size=50))
def test_a_segment_decodes_to_the_bytes_it_was_made_of(data: bytes) -> None:
    """Canonical base64url of any bytes is read back unchanged."""
    assert jose.decode_segment(b64(data)) == data


@given(st.text("AQgwBCDhx-_+/= \n.\0", max_size=12))
def test_no_two_segments_decode_to_the_same_bytes(segment: str) -> None:
    """A text that decodes at all is the one canonical encoding of its bytes."""
    try:
        decoded = jose.decode_segment(segment)
    except ValueError:
        return
    assert segment == b64(decoded)
    assert decoded == urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def test_an_unverified_jws_does_not_show_itself() -> None:
    """Its representation tells nothing of an assertion, which is a credential until it is spent."""
    assert "client-of-the-consumer" not in repr(jose.read(PLAIN))
