"""The change feed: what became of the registry, in order, to each organisation what concerns it."""

from __future__ import annotations

from dataclasses import replace

from authserver.oauth.feeds import LoggedChange
from authserver.registry import rights
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore


async def page(store: RegistryStore, actor: Actor, *, window: Window, orgno: str | None = None) -> Page[LoggedChange]:
    """Changes after a number, in their order; all for the operator, or those that concern one organisation.

    A change concerns whose record it is, both parties of an access, a request or a delegation, and nobody else. Of a
    change that another made its organisation is told, not through which client or person. Every change that is
    committed later has a higher number, so whoever goes on from the last one seen misses none.
    """
    concerned, shown = rights.concerned(actor, orgno), window.bounded
    found = await store.changes(shown.and_one_more, concerned)
    told = [change if rights.is_own(actor, change.actor_orgno) else _discreet(change) for change in found]
    return paged(told, shown, lambda change: (str(change.seq),))


def _discreet(change: LoggedChange) -> LoggedChange:
    return replace(change, actor_client_id="", actor_person="")
