"""What the doctor looks at: each check one sentence, and what to mend when it is not well."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, Literal

from authserver.cli.desk import operator
from authserver.cli.faults import expected, refusal_document
from authserver.keys.directory import DIRECTORY_MODE
from authserver.keys.ring import FIRST_ALGORITHMS
from authserver.oauth.models import Client
from authserver.registry import clients
from authserver.registry.example_keys import THUMBPRINTS
from authserver.registry.keys import usable
from authserver.services import open_key_ring, open_store
from authserver.settings import Settings

_SOON: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    check: str
    state: Literal["ok", "warn", "fail"]
    sentence: str


async def examine(settings: Settings, now: int) -> list[Check]:
    """Look at everything the settings name. A part that is broken is a finding, never an exception."""
    database, registered = await _database(settings)
    found = [_issuer(settings), database]
    if registered is not None:
        found += [_example_keys(settings, registered), _expiring_keys(registered, now)]
    found += _signing_keys(settings, now)
    found.append(await _redis(settings))
    return found


def _issuer(settings: Settings) -> Check:
    if settings.issuer.startswith("https://"):
        return Check("issuer", "ok", "The issuer is an https URL.")
    if settings.environment == "dev":
        return Check("issuer", "ok", "The issuer is plain http, which is for development alone.")
    return Check("issuer", "warn", "The issuer is plain http; prod refuses that, so give test an https URL too.")


async def _database(settings: Settings) -> tuple[Check, Sequence[Client] | None]:
    try:
        # Without Redis, which is looked at by itself: it is not the database's fault when it cannot be opened.
        async with open_store(replace(settings, redis_url=None)) as store:
            found = await clients.listed(store, operator())
    except expected() as fault:
        return Check("database", "fail", str(refusal_document(fault)["sentence"])), None
    return Check("database", "ok", f"The database answers, is migrated and holds {len(found)} clients."), found


def _example_keys(settings: Settings, registered: Sequence[Client]) -> Check:
    held = [client.client_id for client in registered for key in client.keys.values() if _is_example(key)]
    if not held:
        return Check("example keys", "ok", "No client has an example key.")
    if settings.environment == "dev":
        return Check("example keys", "ok", f"{len(held)} example keys are registered, which only dev may have.")
    named = ", ".join(sorted(set(held)))
    return Check("example keys", "fail", f"Anybody can act as these clients, remove their example keys: {named}.")


def _is_example(key: object) -> bool:
    return getattr(key, "active", False) and getattr(key, "thumbprint", "") in THUMBPRINTS


def _expiring_keys(registered: Sequence[Client], now: int) -> Check:
    ending = {
        client.client_id
        for client in registered
        for key in client.keys.values()
        if client.active and usable(key, now) and not usable(key, now + _SOON)
    }
    if not ending:
        return Check("client keys", "ok", "No key of an active client expires within 30 days.")
    return Check("client keys", "warn", f"Keys expire within 30 days on: {', '.join(sorted(ending))}.")


def _signing_keys(settings: Settings, now: int) -> list[Check]:
    directory = settings.keys_dir
    if not directory.is_dir():
        return [Check("signing keys", "fail", "There is no directory of signing keys; run: authserver init")]
    mode = stat.S_IMODE(directory.stat().st_mode)
    tight = Check("key directory", "ok", "The key directory is its owner's alone.")
    if mode & ~DIRECTORY_MODE:
        tight = Check("key directory", "warn", f"The key directory has mode {mode:o}; chmod 700 it.")
    try:
        ring = open_key_ring(settings)
    except expected() as fault:
        return [tight, Check("signing keys", "fail", str(refusal_document(fault)["sentence"]))]
    found = [tight]
    for alg in FIRST_ALGORITHMS:
        key = ring.signing_key(alg, now)
        missing = Check(f"signing key {alg}", "fail", f"No {alg} key is active; run: authserver init")
        found.append(missing if key is None else Check(f"signing key {alg}", "ok", f"An {alg} key is active."))
    return found


async def _redis(settings: Settings) -> Check:
    if settings.redis_url is None:
        return Check("redis", "ok", "Redis is not configured; the database keeps what is spent.")
    from authserver.storage.redis_client import check_redis, open_redis

    try:
        client = open_redis(settings.redis_url)
    except ValueError as fault:
        return Check("redis", "fail", f"AUTHSERVER_REDIS_URL: {fault}.")
    async with aclosing(client):
        faults = await check_redis(client)
    return Check("redis", "fail" if faults else "ok", " ".join(faults) or "Redis answers and can be trusted.")
