"""Names that a reader could take for one another: the same skeleton, or skeletons that differ by one slip."""

from __future__ import annotations

from typing import Final

# Long enough that one slip between two of them is no coincidence of short words, such as nav and nve.
SLIP_LENGTH: Final = 5

# Groups before single characters: what they look like is one character.
_GROUPS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_SINGLES: Final = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "8": "b", "-": None, "_": None, ".": None}
)


def skeleton(name: str) -> str:
    """Return what is left of a name when everything that looks alike is made one (after UTS 39 §4).

    Case and separators vanish, and characters that resemble each other become one of them.
    """
    bare = name.lower().translate(_SINGLES)
    for group, single in _GROUPS:
        bare = bare.replace(group, single)
    return bare


def alike(first: str, second: str) -> bool:
    """Tell whether two names look alike. Symmetric, and true of a name and itself."""
    one, other = skeleton(first), skeleton(second)
    if one == other:
        return True
    return min(len(one), len(other)) >= SLIP_LENGTH and _one_slip(one, other)


def _one_slip(one: str, other: str) -> bool:
    """Tell whether one character more, another character, or two swapped neighbours make them equal."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    rest, rest_of_other = one[start:], other[start:]
    if len(one) < len(other):
        return rest == rest_of_other[1:]
    swapped = rest[1::-1] + rest[2:]
    return rest[1:] == rest_of_other[1:] or swapped == rest_of_other
