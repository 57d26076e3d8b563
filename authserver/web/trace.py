"""Trace ids: what ties an answer to its decision in the record."""

from __future__ import annotations

import os

_ID_BYTES = 16
_IDS_AT_ONCE = 256


class TraceIds:
    """Makes trace ids of 128 random bits, 32 hex digits; asks the system for the bits of many ids at once."""

    def __init__(self) -> None:
        self._ready: list[str] = []

    def __call__(self) -> str:
        """Return an id that was never returned before."""
        if not self._ready:
            digits = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
            self._ready = [digits[at : at + 2 * _ID_BYTES] for at in range(0, len(digits), 2 * _ID_BYTES)]
        return self._ready.pop()
