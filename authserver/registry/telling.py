"""How a webhook is told of a change: the message, its signature, and when to try again."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from hashlib import sha256
from secrets import token_bytes
from typing import Final

from authserver.oauth.feeds import LoggedChange

# After each failure in a row; when there is no further one, the message is given up.
DELAYS: Final = (10, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200)
_SECRET: Final = "whsec_"


def new_secret() -> str:
    """Return a new secret for a webhook: 256 random bits, as Standard Webhooks writes them."""
    return f"{_SECRET}{b64encode(token_bytes(32)).decode('ascii')}"


def wanted(change: LoggedChange, kinds: tuple[str, ...]) -> bool:
    """Tell whether a webhook wants to be told of a change; no kinds means every kind."""
    return not kinds or change.kind in kinds


def body(change: LoggedChange) -> bytes:
    """Write the message: which record has changed and how, and nothing of what it says.

    What it says is read by its number from the change feed, with the rights of who reads.
    """
    told = {
        "type": f"{change.kind}.{change.action}",
        "timestamp": change.at,
        "data": {"seq": change.seq, "epoch": change.epoch, "kind": change.kind, "id": change.id, "other": change.other},
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def headers(secret: str, message_id: str, now: int, message: bytes) -> dict[str, str]:
    """Sign a message as Standard Webhooks does: HMAC-SHA256 (RFC 2104) over its id, the time and its bytes.

    The id is the same whenever the message is sent again, so that a receiver can tell.
    """
    signed = b".".join((message_id.encode("ascii"), str(now).encode("ascii"), message))
    code = hmac.new(b64decode(secret.removeprefix(_SECRET)), signed, sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{b64encode(code).decode('ascii')}",
    }


def pause(failures: int) -> int | None:
    """Return after how many seconds to try again after so many failures in a row; None to give up."""
    return DELAYS[failures - 1] if failures <= len(DELAYS) else None
