"""What a verb works with: settings, the registry at rest, the operator, the time."""

from __future__ import annotations

import asyncio
import getpass
import math
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from authserver.cli.answer import Effect
from authserver.registry.ports import Actor, RegistryStore
from authserver.settings import Settings, from_environment

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Desk:
    """The operator's desk while one verb runs; `now` is in seconds."""

    settings: Settings
    store: RegistryStore
    actor: Actor
    now: int

    @property
    def examples_allowed(self) -> bool:
        """Whether published example keys may be registered."""
        return self.settings.environment == "dev"


@dataclass(frozen=True, slots=True)
class Changed(Generic[Result]):
    """What a change came to, and since when it is in effect."""

    record: Result
    effect: Effect


def at_desk(work: Callable[[Desk], Awaitable[Result]]) -> Result:
    """Open the registry, do the work as the operator, and close it again.

    Raises SettingsError, Refusal, Unavailable and whatever `authserver.cli.faults` knows to explain.
    """
    return asyncio.run(_at_desk(settings(), work))


async def _at_desk(read: Settings, work: Callable[[Desk], Awaitable[Result]]) -> Result:
    from authserver.services import open_store

    async with open_store(read) as store:
        return await work(Desk(read, store, operator(), clock()))


def change_at_desk(work: Callable[[Desk], Awaitable[Result]]) -> Changed[Result]:
    """Do work that changes the registry as the operator, and tell since when it is in effect.

    Raises as `at_desk` does.
    """
    return asyncio.run(_change_at_desk(settings(), work))


async def _change_at_desk(read: Settings, work: Callable[[Desk], Awaitable[Result]]) -> Changed[Result]:
    from authserver.services import open_store

    async with open_store(read) as store:
        record = await work(Desk(read, store, operator(), clock()))
        return Changed(record, effect(store.made))


def effect(epoch: int | None) -> Effect:
    """Tell since when a change is in effect that just became so, as policy `epoch`; None when nothing was changed."""
    # Rounded up: whatever begins in that second or later is decided by the change.
    return Effect(epoch, None if epoch is None else math.ceil(time.time()))


def settings() -> Settings:
    """Read the settings from the environment. Raises SettingsError."""
    return from_environment(os.environ)


def operator() -> Actor:
    """Name the operator at the keyboard as the change log will: by the account that called, also through sudo."""
    try:
        person = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in many containers
        person = f"uid {os.getuid()}"
    return Actor("operator", person=person)


def clock() -> int:
    """Return seconds since the Unix epoch."""
    return int(time.time())


def new_id() -> str:
    """Return a new random UUID."""
    return str(uuid.uuid4())
