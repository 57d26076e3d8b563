"""Lists in pages: in the stable order of a key, from after the last one seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

MOST: Final = 1_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Window:
    """What of a list is wanted: at most `limit` items whose key comes after `after`; none means from the start.

    A key is the record's own: its members in the order of its `Ref`, or its number. A limit is 1 to 1000; what lies
    outside is brought inside.
    """

    after: tuple[str, ...] = ()
    limit: int = 100

    @property
    def bounded(self) -> Window:
        """The same window with a limit that may be asked for."""
        return replace(self, limit=min(max(self.limit, 1), MOST))

    @property
    def and_one_more(self) -> Window:
        """The same window, reaching one item further, to see whether there is more."""
        return replace(self, limit=self.limit + 1)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items, and the key after which the next page begins; empty when this is the last."""

    items: Sequence[Item]
    next: tuple[str, ...] = ()


def paged(found: Sequence[Item], window: Window, key: Callable[[Item], tuple[str, ...]]) -> Page[Item]:
    """Make a page of what was found in `window.and_one_more`."""
    if len(found) <= window.limit:
        return Page(found)
    return Page(found[: window.limit], key(found[window.limit - 1]))
