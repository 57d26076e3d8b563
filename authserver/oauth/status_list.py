"""Token status lists: two bits for each delegation, compressed and signed (draft-ietf-oauth-status-list-17)."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authserver.oauth.jose import decode_segment

TYP: Final = "statuslist+jwt"
MEDIA_TYPE: Final = f"application/{TYP}"
BITS: Final = 2
ENTRIES: Final = 2**20
"""How many delegations share a list: enough to hide one among, 256 KiB before compression."""

VALID: Final = 0
INVALID: Final = 1
SUSPENDED: Final = 2

_BITS: Final = (1, 2, 4, 8)
_MOST_OCTETS: Final = ENTRIES * BITS // 8


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list taken apart: so many bits an entry, packed from the least significant bit on (§4.1)."""

    bits: int
    octets: bytes

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.octets) * 8 // self.bits

    def status(self, index: int) -> int:
        """Return the status at an index. Raises ValueError where there is none."""
        if not 0 <= index < len(self):
            raise ValueError("the status list has no such index")
        octet, place = divmod(index * self.bits, 8)
        return self.octets[octet] >> place & (1 << self.bits) - 1


def encode(statuses: Mapping[int, int], *, entries: int = ENTRIES, bits: int = BITS) -> str:
    """Write `lst`: the named entries with their status, every other entry valid (§4.1, §4.2).

    Raises ValueError for an index, a status or a width that does not fit.
    """
    if bits not in _BITS:
        raise ValueError("a status has 1, 2, 4 or 8 bits")
    octets = bytearray(-(-entries * bits // 8))
    for index, status in statuses.items():
        if not 0 <= index < entries or not 0 <= status < 1 << bits:
            raise ValueError("the status does not fit the list")
        octet, place = divmod(index * bits, 8)
        octets[octet] |= status << place
    return urlsafe_b64encode(zlib.compress(octets, 9)).rstrip(b"=").decode("ascii")


def decode(bits: int, lst: str, *, most: int = _MOST_OCTETS) -> StatusList:
    """Read `lst`, inflating at most `most` octets whatever it claims to hold (P8).

    Raises ValueError if it is malformed, cut off, followed by anything, or larger.
    """
    if bits not in _BITS:
        raise ValueError("a status has 1, 2, 4 or 8 bits")
    inflater = zlib.decompressobj()
    try:
        octets = inflater.decompress(decode_segment(lst), most + 1)
    except zlib.error:
        raise ValueError("the status list is not ZLIB data") from None
    if len(octets) > most:
        raise ValueError("the status list is too large")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the status list is cut off or followed by something else")
    return StatusList(bits, octets)


def uri(issuer: str, number: int) -> str:
    """Return where the list with this number is read."""
    return f"{issuer.rstrip('/')}/status-lists/{number}"


def reference(issuer: str, status_index: int) -> dict[str, Any]:
    """Write the claim `status` of what rests on a delegation: where its status is read (§6.1)."""
    number, index = divmod(status_index, ENTRIES)
    return {"status_list": {"idx": index, "uri": uri(issuer, number)}}


def of_chain(statuses: Sequence[str | None]) -> int:
    """Return the status of a delegation from its own and those of all that it hangs on; None is one that is absent."""
    if any(status not in ("active", "suspended") for status in statuses):
        return INVALID
    return SUSPENDED if "suspended" in statuses else VALID


def claims(issuer: str, number: int, lst: str, now: int, *, ttl: int, life: int) -> dict[str, Any]:
    """Write the claims of a status list token (§5.1), to be asked for again after `ttl` and good for `life` seconds."""
    return {
        "iss": issuer,
        "sub": uri(issuer, number),
        "iat": now,
        "exp": now + life,
        "ttl": ttl,
        "status_list": {"bits": BITS, "lst": lst},
    }


def read_claims(found: Mapping[str, Any], expected: str, now: int) -> StatusList:
    """Read the claims of a status list token whose signature has been verified (§8.3).

    `expected` is the uri that the statement names. Raises ValueError.
    """
    issued, expires, body = found.get("iat"), found.get("exp"), found.get("status_list")
    if found.get("sub") != expected:
        raise ValueError("the status list is another one than the statement names")
    if type(issued) is not int or not isinstance(body, dict):
        raise ValueError("the status list token is malformed")
    if expires is not None and (type(expires) is not int or expires <= now):
        raise ValueError("the status list has expired")
    bits, lst = body.get("bits"), body.get("lst")
    if type(bits) is not int or type(lst) is not str:
        raise ValueError("the status list token is malformed")
    return decode(bits, lst)
