"""Token status lists against the examples that draft-ietf-oauth-status-list-17 publishes, and against hostile ones."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.oauth import status_list


def _lst(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


NOW = 1_700_000_000
ISSUER = "https://authority.example/"
# §4.1 and §4.2: the statuses of the examples, in the order of their index, and what they are written as.
SHORT = [
    pytest.param(1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], "eNrbuRgAAhcBXQ", id="4.1-one-bit"),
    pytest.param(2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], "eNo76fITAAPfAgc", id="4.1-two-bits"),
]
# Appendix C: a million entries, of which these are not zero; `lst` before base64url, in hexadecimal.
INDEXES = (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345)
ONE_BIT = (
    "78daeddc010dc0200c0041a88249400ad2903e0f4bba00bd93f002beb7a2a2010000a91e09000000000000000000000000000000807296"
    "04000000000000000000000000000000000000000000000000000000000000000000000000000000005c6f4800000000000000fc2c2400"
    "00000000000000000000be1b12000000000000000000ecaa4b000000000000000000000000000000009b0b0900000000000000000038de"
    "9400000000000000002a30cc010000000080642f0bd8011b"
)
TWO_BITS = (
    "78daeddb310d00211000412ea1a04004fe5520ed357c28c81d3312b6df68bc65480000000000406e210100000000000000000000000000"
    "00000000000000000000000000000000000040795b02000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000080f4ba0400000000"
    "000000000000000000406d764a000000000000000000000000000000000000000000e09221010000000000000000000000000000000000"
    "00fc131200000000000000000000000000000000000000000000000000000000000000c0912e0100000000000000000000000000000000"
    "0000c07d4b02000000000000000000000000000000a8614a0000000000000000000000406a1fcd60010c"
)
LONG = [
    pytest.param(1, (1,) * 11, _lst(bytes.fromhex(ONE_BIT)), id="C.1-one-bit"),
    pytest.param(2, (1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3), _lst(bytes.fromhex(TWO_BITS)), id="C.2-two-bits"),
]


@pytest.mark.parametrize(("bits", "statuses", "lst"), SHORT)
def test_writes_and_reads_the_short_examples(bits: int, statuses: list[int], lst: str) -> None:
    """The short examples are written to the letter, and read back to the same statuses."""
    assert status_list.encode(dict(enumerate(statuses)), entries=len(statuses), bits=bits) == lst
    read = status_list.decode(bits, lst)
    assert [read.status(index) for index in range(len(read))] == statuses


@pytest.mark.parametrize(("bits", "statuses", "lst"), LONG)
def test_writes_and_reads_the_examples_of_a_million(bits: int, statuses: tuple[int, ...], lst: str) -> None:
    """The examples with 2^20 entries are written to the letter, and read back with every other entry valid."""
    marked = dict(zip(INDEXES, statuses, strict=True))
    assert status_list.encode(marked, bits=bits) == lst
    read = status_list.decode(bits, lst)
    assert len(read) == status_list.ENTRIES
    assert {index: read.status(index) for index in INDEXES} == marked
    assert {read.status(index + 1) for index in INDEXES} == {status_list.VALID}


@given(st.sampled_from([1, 2, 4, 8]).flatmap(lambda bits: st.tuples(st.just(bits), _statuses(bits))))
@settings(max_examples=100)
def test_reads_what_it_wrote(drawn: tuple[int, Mapping[int, int]]) -> None:
    """Whatever is marked, in whichever width, is read back, and nothing else is."""
    bits, marked = drawn
    read = status_list.decode(bits, status_list.encode(marked, entries=512, bits=bits))
    assert {index: read.status(index) for index in range(512) if read.status(index)} == {
        index: status for index, status in marked.items() if status
    }


def _statuses(bits: int) -> st.SearchStrategy[Mapping[int, int]]:
    return st.dictionaries(st.integers(0, 511), st.integers(0, (1 << bits) - 1), max_size=64)


def test_inflates_no_bomb() -> None:
    """A list that would inflate to more than it may is refused without being inflated."""
    bomb = _lst(zlib.compress(bytes(64 * 1024 * 1024), 9))
    with pytest.raises(ValueError, match="too large"):
        status_list.decode(2, bomb)


@pytest.mark.parametrize(
    "lst",
    [
        pytest.param("", id="empty"),
        pytest.param("!", id="no-base64url"),
        pytest.param("eNrbuRgAAhcBXQ==", id="padded"),
        pytest.param(_lst(b"\xb9\xa3"), id="not-compressed"),
        pytest.param(_lst(zlib.compress(b"\xb9\xa3")[:-2]), id="cut-off"),
        pytest.param(_lst(zlib.compress(b"\xb9\xa3") + b"more"), id="followed"),
        pytest.param(_lst(zlib.compress(b"\xb9\xa3")[2:-4]), id="deflate-without-zlib"),
    ],
)
def test_refuses_what_is_no_list(lst: str) -> None:
    """Only one whole ZLIB stream in canonical base64url is a list."""
    with pytest.raises(ValueError, match=r"status list|base64"):
        status_list.decode(2, lst)


@pytest.mark.parametrize("index", [-1, 12, 2**40])
def test_knows_no_status_beyond_its_end(index: int) -> None:
    """An index that the list does not have has no status."""
    with pytest.raises(ValueError, match="no such index"):
        status_list.decode(2, "eNo76fITAAPfAgc").status(index)


@pytest.mark.parametrize(("index", "status"), [(8, 1), (-1, 1), (0, 4), (0, -1)])
def test_writes_nothing_that_does_not_fit(index: int, status: int) -> None:
    """An index beyond the end, or a status wider than an entry, is refused."""
    with pytest.raises(ValueError, match="does not fit"):
        status_list.encode({index: status}, entries=8)


def _token(**changes: Any) -> dict[str, Any]:
    lst = status_list.encode({7: status_list.SUSPENDED})
    return {**status_list.claims(ISSUER, 3, lst, NOW, ttl=60, life=3600), **changes}


def test_reads_its_own_token() -> None:
    """A token that we write is read under its own uri until it expires."""
    read = status_list.read_claims(_token(), "https://authority.example/status-lists/3", NOW + 3599)
    assert (read.status(7), read.status(8)) == (status_list.SUSPENDED, status_list.VALID)


@pytest.mark.parametrize(
    ("changes", "later", "said"),
    [
        ({"sub": "https://authority.example/status-lists/4"}, 0, "another one"),
        ({}, 3600, "expired"),
        ({"exp": "soon"}, 0, "expired"),
        ({"iat": None}, 0, "malformed"),
        ({"status_list": "eNrbuRgAAhcBXQ"}, 0, "malformed"),
        ({"status_list": {"bits": 2}}, 0, "malformed"),
        ({"status_list": {"bits": True, "lst": "eNrbuRgAAhcBXQ"}}, 0, "malformed"),
        ({"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}}, 0, "1, 2, 4 or 8"),
    ],
)
def test_refuses_another_or_a_broken_token(changes: dict[str, Any], later: int, said: str) -> None:
    """A list of another uri, an expired one and a malformed one tell nothing."""
    with pytest.raises(ValueError, match=said):
        status_list.read_claims(_token(**changes), "https://authority.example/status-lists/3", NOW + later)


def test_places_every_delegation_in_one_list() -> None:
    """The first 2^20 are in list 0, the next in list 1, each at its own index."""
    named = [status_list.reference("https://a.example/", index) for index in (0, 2**20 - 1, 2**20)]
    assert [(one["status_list"]["uri"].rpartition("/")[2], one["status_list"]["idx"]) for one in named] == [
        ("0", 0),
        ("0", 2**20 - 1),
        ("1", 0),
    ]


@pytest.mark.parametrize("bits", [0, 3, 16])
def test_no_other_width_is_written(bits: int) -> None:
    """A status has 1, 2, 4 or 8 bits (§4.1)."""
    with pytest.raises(ValueError, match="bits"):
        status_list.encode({}, bits=bits)
