"""What was done by virtue of delegations, as the decision records tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

Key = TypeVar("Key", int, str)

DAY: Final = 86_400
"""Seconds of a day; days are those of UTC."""


@dataclass(frozen=True, slots=True)
class TokensOfDay:
    """Tokens alike, issued on one day: for one client, by the same delegations, for the same scopes and audience.

    `day` is the second at which the day began in UTC; `first_at` and `last_at` are seconds.
    """

    consumer_orgno: str
    client_id: str
    delegation_ids: frozenset[str]
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    day: int
    first_at: int
    last_at: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Issued:
    """What was issued for some consumers. A consumer in `complete_since` was read back to that second only."""

    rows: tuple[TokensOfDay, ...]
    complete_since: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """What was done by virtue of one delegation: how many tokens, when, for which APIs, through which clients.

    Each mapping counts tokens; one that names two scopes counts for both. When not everything could be read,
    `complete_since` (seconds) is from when on the figures are whole.
    """

    tokens: int
    first_at: int | None
    last_at: int | None
    days: Mapping[int, int]
    scopes: Mapping[str, int]
    audiences: Mapping[str, int]
    clients: Mapping[str, int]
    complete_since: int | None


def use_of(delegation_id: str, consumer_orgno: str, issued: Issued, only: frozenset[str] | None = None) -> Use:
    """Sum up what one delegation was used for.

    With `only`, tokens that carry none of these scopes are left out, and of the others neither further scopes nor
    audiences are told: an owner of scopes has no business with what belongs to another.
    """
    rows = [row for row in issued.rows if delegation_id in row.delegation_ids]
    if only is not None:
        rows = [row for row in rows if not only.isdisjoint(row.scopes)]
    return Use(
        tokens=sum(row.tokens for row in rows),
        first_at=min((row.first_at for row in rows), default=None),
        last_at=max((row.last_at for row in rows), default=None),
        days=_counted((row.day, row.tokens) for row in rows),
        scopes=_counted((name, row.tokens) for row in rows for name in row.scopes if only is None or name in only),
        audiences=_counted((name, row.tokens) for row in rows for name in row.audience if only is None),
        clients=_counted((row.client_id, row.tokens) for row in rows),
        complete_since=issued.complete_since.get(consumer_orgno),
    )


def _counted(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    counts: dict[Key, int] = {}
    for key, tokens in pairs:
        counts[key] = counts.get(key, 0) + tokens
    return dict(sorted(counts.items()))
