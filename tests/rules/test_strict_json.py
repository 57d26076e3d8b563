"""The strict JSON reader (R-013; RFC 8259 §4, §8.1)."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth.limits import JSON_DEPTH, JSON_INTEGER, JSON_MEMBERS
from authserver.oauth.strict_json import parse_object

REFUSED = {
    "8259-4-repeated-name": b'{"iss":"a","iss":"b"}',
    "8259-4-repeated-name-by-escape": b'{"iss":"a","\\u0069ss":"b"}',
    "8259-4-repeated-name-deep": b'{"a":[{"b":1,"b":1}]}',
    "8259-4-repeated-empty-name": b'{"":1,"":2}',
    "8259-8.1-bom": b'\xef\xbb\xbf{"a":1}',
    "8259-8.1-utf-16": '{"a":1}'.encode("utf-16"),
    "8259-8.1-utf-16-le": '{"a":1}'.encode("utf-16-le"),
    "8259-8.1-utf-32-be": '{"a":1}'.encode("utf-32-be"),
    "8259-8.1-latin-1": b'{"a":"\xe5"}',
    "3629-overlong": b'{"a":"\xc0\x80"}',
    "3629-encoded-surrogate": b'{"a":"\xed\xa0\x80"}',
    "lone-high-surrogate": b'{"a":"\\ud800"}',
    "lone-low-surrogate": b'{"a":"\\udc00"}',
    "lone-surrogate-in-name": b'{"\\ud800":1}',
    "lone-surrogate-deep": b'{"a":[{"b":["\\udfff"]}]}',
    "nul-escaped": b'{"a":"\\u0000"}',
    "nul-in-name": b'{"a\\u0000":1}',
    "nul-deep": b'{"a":{"b":["x","\\u0000"]}}',
    "nul-raw": b'{"a":"\x00"}',
    "control-raw": b'{"a":"\n"}',
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":Infinity}',
    "minus-infinity": b'{"a":-Infinity}',
    "float-overflows": b'{"a":1e400}',
    "float-beyond-53-bits": b'{"a":1e17}',
    "int-2^53": b'{"a":9007199254740992}',
    "int-minus-2^53": b'{"a":-9007199254740992}',
    "int-30-digits": b'{"a":100000000000000000000000000000}',
    "int-4301-digits": b'{"a":1' + b"0" * 4300 + b"}",
    "int-leading-zero": b'{"a":01}',
    "depth-5000": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "depth-5000-arrays": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "depth-9": b'{"a":' * 9 + b"1" + b"}" * 9,
    "members-65": json.dumps(dict.fromkeys(map(str, range(65)))).encode(),
    "members-65-in-an-array": json.dumps({"a": [0] * 64}).encode(),
    "members-65-in-an-object": json.dumps({"a": dict.fromkeys(map(str, range(64)))}).encode(),
    "members-many-containers": json.dumps({"a": [[]] * 64}).encode(),
    "array": b"[1]",
    "string": b'"iss"',
    "number": b"1",
    "null": b"null",
    "empty": b"",
    "white-space": b"  ",
    "two-values": b'{"a":1}{"b":1}',
    "trailing-comma": b'{"a":1,}',
    "comment": b'{"a":1}//',
    "single-quotes": b"{'a':1}",
    "unfinished": b'{"a":"',
    "unfinished-escape": b'{"a":"\\u12',
    "form-feed": b'{"a":\x0c1}',
    "no-break-space": '{"a":\u00a01}'.encode(),
}

READ: dict[str, tuple[bytes, dict[str, Any]]] = {
    "empty-object": (b"{}", {}),
    "white-space-around": (b' \t\r\n{ "a" : 1 } ', {"a": 1}),
    "int-largest": (b'{"a":9007199254740991}', {"a": JSON_INTEGER}),
    "int-smallest": (b'{"a":-9007199254740991}', {"a": -JSON_INTEGER}),
    "float": (b'{"a":1700000000.25}', {"a": 1700000000.25}),
    "float-exponent": (b'{"a":1.7e9}', {"a": 1.7e9}),
    "boolean": (b'{"a":true}', {"a": True}),
    "null-value": (b'{"a":null}', {"a": None}),
    "escaped-ascii": (b'{"\\u0069ss":"x"}', {"iss": "x"}),
    "escaped-pair": (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "utf-8": ('{"a":"\u00e5"}'.encode(), {"a": "\u00e5"}),
    "brackets-in-text": (b'{"a":"[[{{"}', {"a": "[[{{"}),
    "same-name-at-two-depths": (b'{"a":{"a":1}}', {"a": {"a": 1}}),
    "depth-8": (b'{"a":' * 8 + b"1" + b"}" * 8, json.loads('{"a":' * 8 + "1" + "}" * 8)),
    "members-64": (json.dumps({str(n): n for n in range(64)}).encode(), {str(n): n for n in range(64)}),
    "members-64-nested": (json.dumps({"a": [0] * 63}).encode(), {"a": [0] * 63}),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_refuses_what_two_readers_could_read_differently(data: bytes) -> None:
    """Text that is not one plain, bounded JSON object in UTF-8 is refused with ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        parse_object(data)


@pytest.mark.parametrize(("data", "value"), READ.values(), ids=READ)
def test_reads_plain_objects(data: bytes, value: dict[str, Any]) -> None:
    """A plain object within the limits is read as the standard library reads it."""
    assert parse_object(data) == value


def test_the_fault_never_quotes_the_input() -> None:
    """What is wrong is told without repeating text that a caller chose."""
    quoting = (b'{"sentinel":1,"sentinel":2}', b'{"a":sentinel}', b'{"sentinel":"\\ud800"}', b'{"a":"sentinel\n"}')
    for data in quoting:
        with pytest.raises(ValueError, match=r".+") as caught:
            parse_object(data)
        assert "sentinel" not in str(caught.value)


# Text without the characters that make a document, so that the number of containers stays what the value says.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.integers(-(10**18), 10**18) | st.floats(width=64)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=80,
)


def depth(value: Any) -> int:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=0)
    return 0


def members(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + members(each) for each in inner)


def clean(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.isfinite(value) and abs(value) <= JSON_INTEGER
    if isinstance(value, dict):
        return all(clean(name) and clean(inner) for name, inner in value.items())
    return all(map(clean, value)) if isinstance(value, list) else True


@given(st.dictionaries(texts, values, max_size=6), st.booleans())
def test_accepts_exactly_what_json_accepts_minus_the_refusals(value: dict[str, Any], escaped: bool) -> None:
    """A document is read, and read as the standard library does, exactly when no rule of ours speaks against it."""
    text = json.dumps(value, ensure_ascii=escaped)
    containers = text.count("{") + text.count("[")
    allowed = clean(value) and depth(value) <= JSON_DEPTH and members(value) <= JSON_MEMBERS >= containers
    try:
        read = parse_object(text.encode())
    except ValueError:
        assert not allowed
    else:
        assert allowed
        assert read == value
        assert list(read) == list(value)


fragments = st.sampled_from(["{", "}", "[", "]", '"a":', '"', "\\u", "d800", "0000", ",", "1", "-", "e9", "null", " "])


@given(st.binary(max_size=200) | st.lists(fragments, max_size=300).map("".join).map(str.encode))
def test_never_raises_anything_but_value_error(data: bytes) -> None:
    """Whatever the bytes, reading ends in an object or in ValueError, and what it reads json reads the same."""
    try:
        value = parse_object(data)
    except ValueError:
        return
    assert value == json.loads(data)
