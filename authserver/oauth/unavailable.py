"""The one way in which a part that a token request needs may fail."""

from __future__ import annotations


class Unavailable(Exception):
    """A part that must answer did not. `certain` tells that nothing was changed or recorded."""

    def __init__(self, part: str, *, certain: bool = True) -> None:
        super().__init__(part)
        self.part = part
        self.certain = certain
