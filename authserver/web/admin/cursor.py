"""Pages of a list, and signed cursors that lead from one to the next on any node."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from authserver.registry.paging import Window
from authserver.registry.text import invalid

_TAG_BYTES = 16
_MOST_CHARS = 1024


class Cursors:
    """Makes and reads cursors. One leads on only in the list and for the caller it was made for."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def window(self, listing: str, cursor: str | None, limit: int) -> Window:
        """Return what the cursor leads to; without one, the start. `listing` names the list and its caller.

        Raises Refusal INVALID for a cursor that is not of this list.
        """
        return Window((), limit) if cursor is None else Window(tuple(json.loads(self._read(listing, cursor))), limit)

    def after(self, listing: str, key: tuple[str, ...]) -> str | None:
        """Return the cursor that leads on from a key; None if nothing comes after."""
        return self._make(listing, json.dumps(key)) if key else None

    def derived_id(self, caller: str, key: str) -> str:
        """Return the id that a create with this Idempotency-Key gives its record, whichever node it reaches."""
        return self._tag(f"id\n{caller}\n{key}").hex()

    def _make(self, listing: str, after: str) -> str:
        place = after.encode("utf-8")
        return urlsafe_b64encode(self._tag(f"{listing}\n{after}") + place).rstrip(b"=").decode("ascii")

    def _read(self, listing: str, cursor: str) -> str:
        try:
            if len(cursor) > _MOST_CHARS:
                raise invalid("The cursor is not one of this list")
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"==")
            after = raw[_TAG_BYTES:].decode("utf-8")
        except ValueError:
            raise invalid("The cursor is not one of this list") from None
        if not hmac.compare_digest(raw[:_TAG_BYTES], self._tag(f"{listing}\n{after}")):
            raise invalid("The cursor is not one of this list")
        return after

    def _tag(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode("utf-8"), "sha256")[:_TAG_BYTES]
