"""Proof of a delegation for others: our signed statement of it, and the signature of whoever gave it.

A consent grants nothing and leaves the delegation as it is. It is kept in one transaction with an entry in the change
log that says who handed it in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from authserver.oauth import consent, statement
from authserver.oauth.consent import Consent
from authserver.oauth.delegation import Delegation
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Ref
from authserver.registry import rights
from authserver.registry.ports import Actor, Reader, RegistryStore
from authserver.registry.text import invalid

_PLACED: Final = "Given a place in the status list, as a statement of it was asked for"


class Consents(Protocol):
    """Where consents are kept. Every method raises Unavailable."""

    async def consent(self, delegation_id: str) -> Consent | None:
        """The consent that was kept for a delegation."""


class Sign(Protocol):
    """Signs claims as a compact JWS of a type with the key that is active now. Raises Unavailable."""

    def __call__(self, claims: dict[str, Any], typ: str) -> Awaitable[str]:
        """Return the JWS."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement as a compact JWS, and the consent that was kept for it."""

    statement: str
    consent: Consent | None


@dataclass(frozen=True, slots=True)
class Authority:
    """Who states: our issuer, how we sign, where consents are kept, how ids are made."""

    issuer: str
    sign: Sign
    consents: Consents
    new_id: Callable[[], str]


async def state(store: RegistryStore, actor: Actor, now: int, *, delegation_id: str, authority: Authority) -> Evidence:
    """State a delegation in force or suspended, to its parties.

    Raises Refusal NOT_FOUND for whoever is no party, CONFLICT if there is nothing to prove with it, and Unavailable.
    """
    delegation = await _placed(store, actor, now, await _read(store, actor, delegation_id))
    kept = await authority.consents.consent(delegation.id)
    claims = statement.claims(delegation, authority.issuer, now, authority.new_id(), kept.key if kept else None)
    return Evidence(await authority.sign(claims, statement.TYP), kept)


async def add_consent(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    delegation_id: str,
    signed: str,
    authority: Authority,
    reason: str = "",
) -> Consent:
    """Keep the signature of whoever gave a delegation, made with a key of one of its active clients.

    Raises Refusal NOT_FOUND, NOT_ALLOWED for the other parties, CONFLICT, INVALID.
    """
    async with rights.change(store, actor, now, reason) as change:
        delegation = await _of_party(change, actor, delegation_id)
        giver = statement.giver(delegation)
        if actor.kind != "operator" and actor.orgno != giver:
            raise Refusal(Reason.NOT_ALLOWED)
        statement.require_in_force(delegation, now)
        client_id = consent.read(signed).claims["iss"]
        client = await change.get(Ref("client", client_id)) if isinstance(client_id, str) else None
        if not (isinstance(client, Client) and client.active and client.orgno == giver):
            raise invalid(
                "The consent is refused: it names no active client of the organisation that gave the delegation"
            )
        verified = consent.verify(signed, client, delegation, authority.issuer, now)
        # The record stays as it is; put, the change log says who handed the signature in.
        await change.put(delegation)
        await change.keep_consent(verified)
    return verified


async def _read(store: RegistryStore, actor: Actor, delegation_id: str) -> Delegation:
    async with store.reading() as reader:
        return await _of_party(reader, actor, delegation_id)


async def _of_party(reader: Reader, actor: Actor, delegation_id: str) -> Delegation:
    """Read a delegation that the actor is a party to; an owner of its scopes sees it, and proves nothing by it."""
    found = await rights.delegation(reader, actor, delegation_id)
    rights.own(actor, "delegation", found.consumer_orgno, found.supplier_orgno, statement.giver(found))
    return found


async def _placed(store: RegistryStore, actor: Actor, now: int, delegation: Delegation) -> Delegation:
    """Give a place in the status lists to what was given before there were any."""
    statement.require_in_force(delegation, now)
    if delegation.status_index is not None:
        return delegation
    # Not by the rights of whoever asks: nothing is decided by it.
    async with store.change(actor, now, _PLACED) as change:
        present = await change.delegation(delegation.id)
        if present is None:
            raise rights.unknown("delegation")
        if present.status_index is None:
            present = replace(present, status_index=await change.free_status_index())
            await change.put(present)
    return present
