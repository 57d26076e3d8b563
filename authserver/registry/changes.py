"""The change feed: what became of the registry, in order, to each organisation what concerns it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from authserver.oauth.feeds import LoggedChange
from authserver.registry import rights, text
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore


@dataclass(frozen=True, slots=True)
class Followed:
    """Some changes, from where to go on whether there were any or not, and whether there are more already."""

    changes: Sequence[LoggedChange]
    next: tuple[str, ...]
    more: bool


async def page(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    orgno: str | None = None,
    kinds: Collection[str] | None = None,
) -> Page[LoggedChange]:
    """Changes after a number, in their order; all for the operator, or those that concern one organisation.

    A change concerns whose record it is, both parties of an access, a request or a delegation, and nobody else. Of a
    change that another made its organisation is told, not through which client or person. Every change that is
    committed later has a higher number, so whoever goes on from the last one seen misses none.
    """
    concerned, shown = rights.concerned(actor, orgno), window.bounded
    found = await store.changes(shown.and_one_more, concerned, kinds)
    told = [change if rights.is_own(actor, change.actor_orgno) else _discreet(change) for change in found]
    return paged(told, shown, lambda change: (str(change.seq),))


async def follow(
    store: RegistryStore,
    actor: Actor,
    *,
    window: Window,
    orgno: str | None = None,
    kinds: Collection[str] | None = None,
) -> Followed:
    """Changes as `page` gives them, for whoever keeps `next` and goes on from it another day.

    Raises Refusal INVALID when a restore has undone the last change seen: then everything is to be read anew.
    """
    await _refuse_undone(store, window)
    found = await page(store, actor, window=window, orgno=orgno, kinds=kinds)
    last = [(str(change.seq), str(change.epoch)) for change in found.items[-1:]]
    return Followed(found.items, last[0] if last else window.after or ("0",), more=bool(found.next))


async def _refuse_undone(store: RegistryStore, window: Window) -> None:
    """A number may be given again after a restore; an epoch never is."""
    if len(window.after) == 1 or not window.after:
        return
    seq, epoch = map(int, window.after)
    found = await store.changes(Window((str(seq - 1),), 1))
    if [(change.seq, change.epoch) for change in found] != [(seq, epoch)]:
        raise text.invalid("The authority was restored to a state before this cursor; read everything anew")


def _discreet(change: LoggedChange) -> LoggedChange:
    return replace(change, actor_client_id="", actor_person="")
