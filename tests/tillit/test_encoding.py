"""base64url and JSON: what is read, and that nothing else is."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillit.jose.encoding import MalformedJose, b64url_decode, b64url_encode, read_json_object


@given(st.binary(max_size=70))
def test_every_value_is_read_from_its_one_spelling(data: bytes) -> None:
    """What is encoded is decoded to itself."""
    assert b64url_decode(b64url_encode(data)) == data


@given(st.text("AQgwEIMUYcks048-_+/=Zz9 \n\0é", max_size=9))
def test_no_value_has_a_second_spelling(text: str) -> None:
    """A text is read exactly when encoding what it means gives that text again."""
    try:
        read = b64url_decode(text)
    except MalformedJose:
        assert meaning(text) is None
    else:
        assert read == meaning(text)


def meaning(text: str) -> bytes | None:
    """What the text is the base64url of, by encoding and comparing."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if b64url_encode(data) == text else None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":9007199254740992}', "integer"),
        ('{"a":[-9007199254740992]}', "integer"),
        ('{"a":"\\u0000"}', "character"),
        ('{"\\ud800":1}', "character"),
        ('{"a":[["\\udfff"]]}', "character"),
        ('{"a":' + "[" * 8 + "]" * 8 + "}", "deep"),
        ('{"a":[' + "1," * 4096 + "1]}", "large"),
        ('{"a":{"b":1,"b":1}}', "twice"),
        ('{"a":NaN}', "NaN"),
        ("[]", "object"),
        ("\ufeff{}", "document"),
    ],
)
def test_json_that_readers_might_take_differently_is_refused(text: str, reason: str) -> None:
    """Each document on which parsers are known to differ is refused with its reason."""
    with pytest.raises(MalformedJose, match=reason):
        read_json_object(text.encode())


def test_json_within_the_bounds_is_read() -> None:
    """Brackets in strings are no depth, a pair of surrogates is a character, and the greatest integers are read."""
    value = {"a": "[[[[[[[[[[{{{{", "b": [[[[[[1]]]]]], "c": 2**53 - 1, "d": 1 - 2**53, "e": "\U0001f642"}
    assert read_json_object(json.dumps(value).encode()) == value
