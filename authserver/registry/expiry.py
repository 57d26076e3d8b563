"""Keys that will soon stop, told in time: thirty, fourteen and three days before."""

from __future__ import annotations

from typing import Final, Literal

from authserver.oauth.feeds import ExpiringKey
from authserver.registry import rights, text
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore

DAYS: Final = (3, 14, 30)
_DAY: Final = 24 * 3600

Notice = Literal[3, 14, 30]


async def page(
    store: RegistryStore, actor: Actor, now: int, *, window: Window, days: int = 30, orgno: str | None = None
) -> Page[ExpiringKey]:
    """Usable keys that end within some days, 1 to 366, the first to end first; for an organisation, its own.

    Raises Refusal INVALID.
    """
    if not 1 <= days <= 366:
        raise text.invalid("The days are a whole number from 1 to 366")
    shown = window.bounded
    found = await store.expiring_keys(shown.and_one_more, now, now + days * _DAY, rights.concerned(actor, orgno))
    return paged(found, shown, lambda key: (str(key.expires_at), key.client_id, key.kid))


def notice(key: ExpiringKey, now: int) -> Notice | None:
    """Return the shortest of the notices, in days, that the key's end has come within; None if it has not."""
    left = key.expires_at - now
    return 3 if left <= 3 * _DAY else 14 if left <= 14 * _DAY else 30 if left <= 30 * _DAY else None
