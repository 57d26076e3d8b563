"""Scope names and the scope parameter (R-024, R-076; RFC 6749 §3.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import limits, scope
from authserver.oauth.errors import Reason
from tests.support.build import refuses

ALLOWED = [chr(n) for n in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))]


@given(
    st.lists(st.text(ALLOWED, min_size=1, max_size=limits.SCOPE_CHARS), min_size=1, max_size=limits.SCOPES_PER_REQUEST)
)
def test_every_request_of_the_grammar_is_read_in_order(tokens: list[str]) -> None:
    """Tokens of the allowed characters with single spaces between them are returned in order, each once."""
    assert scope.parse_request(" ".join(tokens)) == tuple(dict.fromkeys(tokens))


@given(st.text(max_size=12) | st.text([*' "\\\t\n\x00\x7f', "\u00e5", "\uff41", "a", ":"], max_size=12))
def test_nothing_else_is_read(text: str) -> None:
    """A text with any other character, or with an empty token, is refused."""
    if text and all(token and set(token) <= set(ALLOWED) for token in text.split(" ")):
        assert scope.parse_request(text)
        return
    with refuses(Reason.SCOPE_MALFORMED):
        scope.parse_request(text)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        pytest.param("s" * 255, True, id="255-characters"),
        pytest.param("s" * 256, False, id="256-characters"),
        pytest.param(" ".join(f"s{n}" for n in range(32)), True, id="32-scopes"),
        pytest.param(" ".join(f"s{n}" for n in range(33)), False, id="33-scopes"),
        pytest.param(" ".join(["s"] * 33), False, id="33-times-the-same"),
    ],
)
def test_a_request_is_bounded(text: str, allowed: bool) -> None:
    """At most 32 scopes of at most 255 characters are asked for."""
    if allowed:
        assert scope.parse_request(text)
    else:
        with refuses(Reason.SCOPE_MALFORMED):
            scope.parse_request(text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("tax:income.read", ("tax", "income.read")),
        ("nav:helse:sykepenger/v1", ("nav", "helse:sykepenger/v1")),
        ("altinn:maskinporten/delegations", ("altinn", "maskinporten/delegations")),
        ("a:b", ("a", "b")),
        ("a-b_c:D", ("a-b_c", "D")),
        ("p" * 40 + ":s", ("p" * 40, "s")),
        ("p:" + "s" * 253, ("p", "s" * 253)),
    ],
)
def test_a_name_is_split_at_its_first_colon(name: str, parts: tuple[str, str]) -> None:
    """A scope is named prefix:subscope."""
    assert scope.parse_name(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        *("", ":", "tax", "tax:", ":read", "Tax:read", "t\u0430x:read", "\uff54ax:read", "tax:r\u0435ad", "tax :read"),
        *("tax: read", "tax:read ", "tax:read\n", "tax\n:read", "-tax:read", "tax-:read", "_:read", "tax:.read"),
        *("tax:read.", "tax:re ad", 'tax:re"ad', "tax:re\\ad", "tax:\u212a", "p" * 41 + ":s", "p:" + "s" * 254),
    ],
)
def test_a_name_that_could_be_mistaken_is_not_registered(name: str) -> None:
    """R-076: no look-alikes, no edges, no white space, no names beyond the bounds."""
    with pytest.raises(ValueError, match=r"scope|prefix"):
        scope.parse_name(name)


@given(st.text(max_size=12).map(lambda text: "a:" + text) | st.from_regex(r"[a-z0-9_-]{1,5}:[A-Za-z0-9._:/-]{1,8}"))
def test_every_name_that_can_be_registered_can_be_requested(name: str) -> None:
    """Whatever the registry takes as a name is one token of the request grammar."""
    try:
        prefix, subscope = scope.parse_name(name)
    except ValueError:
        return
    assert f"{prefix}:{subscope}" == name
    assert scope.parse_request(name) == (name,)
