"""Webhooks: where an organisation is told of the changes that concern it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Webhook
from authserver.registry import quotas, rights, text
from authserver.registry.addresses import public
from authserver.registry.organisations import number
from authserver.registry.paging import Page, Window, paged
from authserver.registry.ports import Actor, RegistryStore

KINDS: Final = frozenset(
    {
        "organisation",
        "prefix",
        "scope",
        "access",
        "client",
        "delegations",
        "access_request",
        "prefix_request",
        "webhook",
    }
)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """Where to tell whom of which kinds of record; no `kinds` means every kind."""

    orgno: str
    url: str
    kinds: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """A new webhook, and the secret that its messages are signed with; the secret is told only here."""

    webhook: Webhook
    secret: str


async def add(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    new: NewWebhook,
    new_id: Callable[[], str],
    new_secret: Callable[[], str],
    anywhere: bool = False,
    reason: str = "",
) -> Registered:
    """Register a webhook, which is told of every change from now on.

    `anywhere` admits plain http and addresses of one's own network, which only `dev` may. Raises Refusal INVALID,
    NOT_FOUND, or CONFLICT when the organisation is deactivated or has as many as it may.
    """
    orgno = number(new.orgno)
    rights.own(actor, "organisation", orgno)
    if not KINDS.issuperset(new.kinds):
        raise text.invalid(f"A kind of record is none of {', '.join(sorted(KINDS))}")
    webhook = Webhook(new_id(), orgno, _destination(new.url, anywhere=anywhere), tuple(sorted(set(new.kinds))))
    registered = Registered(webhook, new_secret())
    async with rights.change(store, actor, now, reason) as change:
        organisation = await rights.organisation(change, orgno)
        if await change.get(webhook.ref) is not None:
            # A create tried again after its node died; who asked never saw the secret.
            raise Refusal(
                Reason.CONFLICT, value="The webhook is registered, and its secret is told once; register another one"
            )
        await quotas.admit(change, organisation, "webhooks")
        await change.put(webhook)
        await change.keep_secret(webhook.id, registered.secret)
    return registered


async def set_active(
    store: RegistryStore, actor: Actor, now: int, *, webhook_id: str, active: bool, reason: str = ""
) -> Webhook:
    """Deactivate a webhook, or reactivate it; then it is told of what it missed.

    Raises Refusal NOT_FOUND, or CONFLICT when the organisation is deactivated or has as many active ones as it may.
    Done again, it changes nothing.
    """
    async with rights.change(store, actor, now, reason) as change:
        present = await rights.webhook(change, actor, webhook_id)
        wanted = replace(present, active=active)
        if wanted != present:
            if active:
                await quotas.admit(change, await rights.organisation(change, present.orgno), "webhooks")
            await change.put(wanted)
    return wanted


async def read(store: RegistryStore, actor: Actor, *, webhook_id: str) -> Webhook:
    """One webhook of the actor's. Raises Refusal NOT_FOUND."""
    async with store.reading() as reader:
        return await rights.webhook(reader, actor, webhook_id)


async def page(store: RegistryStore, actor: Actor, *, window: Window, orgno: str | None = None) -> Page[Webhook]:
    """Webhooks of one organisation, or of all for the operator, by id; for an organisation, its own."""
    shown = window.bounded
    found = await store.webhook_page(shown.and_one_more, rights.concerned(actor, orgno))
    return paged(found, shown, lambda webhook: (webhook.id,))


def _destination(url: str, *, anywhere: bool) -> str:
    """Return a URL that may be told; where its name leads is looked at with every message. Raises Refusal INVALID."""
    text.absolute_uri(url, "URL")
    parts = urlsplit(url)
    if parts.scheme not in ({"https", "http"} if anywhere else {"https"}):
        raise text.invalid("The URL does not begin with https://")
    try:
        port_is_fit = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fit = False
    if not port_is_fit or not parts.hostname or parts.username is not None or parts.password is not None:
        raise text.invalid("The URL names no host, or an unfit port, or a user")
    if not anywhere and not reachable(parts.hostname):
        raise text.invalid("The URL leads to no public address")
    return url


def reachable(host: str) -> bool:
    """Tell whether a host may be public: a name, or a public address as it is usually written."""
    try:
        return public(host)
    except ValueError:
        # A last label of digits, or 0x…, is an address in one of the odd spellings that resolvers take.
        last = host.rstrip(".").rpartition(".")[2]
        named = "." in host.rstrip(".") and not last[:1].isdigit()
        return named and last.lower() not in {"localhost", "local", "internal"}
