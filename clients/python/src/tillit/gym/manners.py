"""Requests whose token is good, or absent: how it is carried, and how an API answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tillit.gym.exercises import Exercise

_REFUSED: Final = frozenset({400, 401})


def manners(good: str) -> Iterator[Exercise]:
    """Exercises with one's own good token, or with none."""
    carried = ("authorization", f"Bearer {good}")
    yield Exercise("no-token", "A", (), frozenset({401}))
    yield Exercise("empty-token", "A", (("authorization", "Bearer"),), _REFUSED)
    yield Exercise("other-scheme", "A", (("authorization", f"Basic {good}"),), _REFUSED)
    yield Exercise("token-without-scheme", "B", (("authorization", good),), _REFUSED)
    yield Exercise("token-in-query", "B", (), _REFUSED, (("access_token", good),))
    yield Exercise("two-tokens", "B", (carried, carried), _REFUSED)
    yield Exercise("token-and-more", "B", (("authorization", f"Bearer {good}, Bearer {good}"),), _REFUSED)
    # Schemes are compared without regard to case (RFC 9110 §11.1).
    yield Exercise("scheme-in-lower-case", "C", (("authorization", f"bearer {good}"),), frozenset(range(200, 300)))
