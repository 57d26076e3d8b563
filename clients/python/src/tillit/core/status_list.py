"""Token status lists as a relying party reads them (draft-ietf-oauth-status-list-17 section 8.3)."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillit.jose.encoding import MalformedJose, b64url_decode

STATUS_LIST_TYPE: Final = "statuslist+jwt"
MAX_STATUS_TOKEN: Final = 1024 * 1024
MAX_INFLATED: Final = 1024 * 1024
_MAX_TTL: Final = 43_200
_WIDTHS: Final = frozenset({1, 2, 4, 8})


class Status(enum.Enum):
    """What a list says of one entry (section 7.1). Only VALID is good."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2
    UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where a token says that its status is: an index into the list at an address (section 6.1)."""

    uri: str
    index: int

    @staticmethod
    def parse(claims: Mapping[str, Any]) -> StatusReference:
        """The reference in the claim `status`. Raises MalformedJose if there is none."""
        status = claims.get("status")
        reference = status.get("status_list") if isinstance(status, dict) else None
        members = reference if isinstance(reference, dict) else {}
        uri, index = members.get("uri"), members.get("idx")
        if not isinstance(uri, str) or not uri or not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise MalformedJose("the claim status names no status list")
        return StatusReference(uri, index)


@dataclass(frozen=True, slots=True)
class StatusList:
    """A status list that was verified. Times are seconds since the Unix epoch, `ttl` is in seconds."""

    uri: str
    issued_at: int
    expires_at: int | None
    ttl: int | None
    bits: int
    packed: bytes

    @staticmethod
    def parse(claims: Mapping[str, Any], uri: str) -> StatusList:
        """The list in the verified claims of a status list token that was read at `uri`. Raises MalformedJose.

        At most 1 MiB is inflated, whatever the list claims to hold.
        """
        if claims.get("sub") != uri:
            raise MalformedJose("the status list is another one than was asked for")
        body = claims.get("status_list")
        members = body if isinstance(body, dict) else {}
        bits, lst = members.get("bits"), members.get("lst")
        if not isinstance(bits, int) or isinstance(bits, bool) or bits not in _WIDTHS or not isinstance(lst, str):
            raise MalformedJose("the claim status_list is malformed")
        issued_at = _seconds(claims, "iat")
        if issued_at is None:
            raise MalformedJose("the status list does not say when it was issued")
        return StatusList(uri, issued_at, _seconds(claims, "exp"), _seconds(claims, "ttl"), bits, _inflate(lst))

    def is_current(self, now: int, leeway: int = 0) -> bool:
        """Whether the list may still be believed: issued, and not expired."""
        return self.issued_at <= now + leeway and not self.has_ended(now - leeway)

    def has_ended(self, now: int) -> bool:
        """Whether the list has expired."""
        return self.expires_at is not None and now >= self.expires_at

    def fresh_for(self, default: int = 60) -> int:
        """For how many seconds after it was read the list need not be asked for again."""
        return min(default if self.ttl is None else self.ttl, _MAX_TTL)

    def status(self, index: int) -> Status:
        """The status at `index`. Raises MalformedJose when the list has no such index."""
        per_byte = 8 // self.bits
        if not 0 <= index < len(self.packed) * per_byte:
            raise MalformedJose("the status list has no such index")
        # The first entry is in the least significant bits (section 4.1).
        shifted = self.packed[index // per_byte] >> self.bits * (index % per_byte)
        value = shifted & ((1 << self.bits) - 1)
        return Status(value) if value in (0, 1, 2) else Status.UNKNOWN


def _inflate(lst: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        packed = stream.decompress(b64url_decode(lst), MAX_INFLATED)
        # What is left over would only come out if there were room for it.
        more = stream.decompress(stream.unconsumed_tail, 1) if stream.unconsumed_tail else b""
    except zlib.error:
        raise MalformedJose("the status list is not compressed as it should be") from None
    if more or not stream.eof or stream.unused_data:
        raise MalformedJose("the status list is too large, cut off, or followed by something else")
    return packed


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedJose(f"the claim {name} is not a whole number of seconds")
    return value
