"""Prefixes that a reader could take for one another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.registry.look_alikes import SLIP_LENGTH, alike, skeleton

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", max_size=24)
LETTERS = "abefghjkpqtuxyz"
LONG = st.text(LETTERS, min_size=SLIP_LENGTH + 1, max_size=24)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("skatt", "skatt"),
        ("helse0", "helseo"),
        ("altinn", "a1tinn"),
        ("altinn", "aitinn"),
        ("nav-no", "navno"),
        ("nav_no", "nav-no"),
        ("modern", "modem"),
        ("vveb", "web"),
        ("Skatt", "skatt"),
        ("brreg", "brregg"),
        ("altinn", "altin"),
        ("folkeregister", "folkergeister"),
        ("kartverket", "kartverkat"),
    ],
)
def test_look_alikes(first: str, second: str) -> None:
    """One look, or one slip in a longer name, and either is taken for the other."""
    assert alike(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("nav", "nve"),
        ("brreg", "breg"),
        ("nav", "ntnu"),
        ("skatt", "skole"),
        ("kartverket", "kartvokat"),
        ("udir", "udi"),
        ("", "nav"),
    ],
)
def test_different_names(first: str, second: str) -> None:
    """Short words one slip apart, and longer ones two apart, are names of their own."""
    assert not alike(first, second)


@given(NAMES, NAMES)
def test_likeness_is_mutual(first: str, second: str) -> None:
    """Neither name comes first: who asks later is compared as who asked before; and a name is like itself."""
    assert alike(first, second) == alike(second, first)
    assert alike(first, first)


@given(NAMES)
def test_a_skeleton_keeps_its_likeness(name: str) -> None:
    """Separators and case never tell two names apart."""
    assert skeleton(name.upper()) == skeleton(name)
    assert skeleton(f"-{name}_") == skeleton(name)


@given(LONG, st.data())
def test_one_slip_is_found_wherever_it_is(name: str, data: st.DataObject) -> None:
    """A character left out, added, mistaken or swapped with its neighbour is found at every place."""
    place = data.draw(st.integers(0, len(name) - 1))
    other = data.draw(st.sampled_from(LETTERS))
    head, tail = name[:place], name[place:]
    assert alike(name, head + tail[1:])
    assert alike(name, head + other + tail)
    assert alike(name, head + other + tail[1:])
    assert alike(name, head + tail[1::-1] + tail[2:])
