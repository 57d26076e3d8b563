"""The one way in which a part that a token request needs may fail."""

from __future__ import annotations


class Unavailable(Exception):
    """A part that must answer did not. `certain` tells that nothing was changed or recorded.

    `retry_after` is in how many seconds it is worth asking again, None when nobody knows.
    """

    def __init__(self, part: str, *, certain: bool = True, retry_after: int | None = None) -> None:
        super().__init__(part)
        self.part = part
        self.certain = certain
        self.retry_after = retry_after


class Unannounced(Unavailable):
    """A change is stored, as policy `epoch`, but not every node is known to follow it yet."""

    def __init__(self, part: str, epoch: int) -> None:
        super().__init__(part, certain=False)
        self.epoch = epoch
