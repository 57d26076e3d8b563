"""Backup and restore of an authority's database, and what a restore means for those who trusted it (P1, P3)."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unannounced, Unavailable
from authserver.registry.administration import Administration, untouched
from authserver.registry.differences import Differences, differences
from authserver.registry.ports import Actor
from authserver.services.stores import AtRest, open_at_rest
from authserver.settings import Settings
from authserver.storage import backup
from authserver.storage.backup import Held, Restored
from authserver.storage.database import Database, open_database
from authserver.storage.errors import answering


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did: the new policy `epoch`, the one restored, and until when (seconds) no token is issued.

    `differences` is None when nothing was there to compare with.
    """

    epoch: int
    epoch_restored: int
    paused_until: int
    differences: Differences | None


async def back_up(settings: Settings, file: Path) -> Held:
    """Write one state of the whole database to a new file, readable by its owner alone; return the registry in it.

    Raises NotReadyError, SettingsError, Unavailable, and OSError if the file is there already or cannot be written.
    """
    with _whole_or_absent(file) as made:
        async with open_at_rest(settings) as parts, _opened(made) as (target, url):
            with answering("database"):
                return await backup.copy_to(parts.database, target, url)


async def restore(
    settings: Settings, file: Path, actor: Actor, now: int, *, reason: str = "", replace: bool = False
) -> RestoreReport:
    """Make the registry what the backup holds; without `replace` only where nothing is registered yet.

    Effective on every node on return. Raises Refusal INVALID or CONFLICT, NotReadyError, SettingsError, OSError,
    Unavailable, and Unannounced when it stands but Redis could not be told.
    """
    async with open_at_rest(settings) as parts, _copied(file) as source:
        fresh = await untouched(parts.store, Administration(settings.admin_prefix, settings.operator))
        if not replace and not fresh:
            raise Refusal(
                Reason.CONFLICT, value="The database holds a registry; make a backup of it, then give --replace"
            )
        highest = await parts.redis.highest_epoch() if parts.redis else 0
        with answering("database", certain=False):
            restored = await backup.restore(
                parts.database, source, highest=highest, now=now, actor=actor, reason=reason, fresh=fresh
            )
        await _announce(parts, restored)
    return _report(restored, None if fresh else restored.before)


async def declare_restored(
    settings: Settings, actor: Actor, now: int, *, before: Path | None = None, reason: str = ""
) -> RestoreReport:
    """Make safe a database that was restored by other means, and compare it with an earlier backup.

    Effective on every node on return. Raises as `restore` does.
    """
    async with open_at_rest(settings) as parts:
        earlier = None
        if before is not None:
            async with _copied(before) as source, source.read() as connection:
                earlier = await backup.held_by(connection)
        known = max(await parts.redis.highest_epoch() if parts.redis else 0, earlier.epoch if earlier else 0)
        with answering("database", certain=False):
            restored = await backup.declare_restored(parts.database, highest=known, now=now, actor=actor, reason=reason)
        await _announce(parts, restored)
    return _report(restored, earlier)


def _report(restored: Restored, before: Held | None) -> RestoreReport:
    compared = differences(before.records, restored.after.records) if before and before.records else None
    return RestoreReport(restored.epoch, restored.after.epoch, restored.paused_until, compared)


async def _announce(parts: AtRest, restored: Restored) -> None:
    if parts.redis is not None:
        try:
            await parts.redis.publish_epoch(restored.epoch)
        except Unavailable as error:
            raise Unannounced(error.part, restored.epoch) from error


@contextmanager
def _whole_or_absent(file: Path) -> Iterator[Path]:
    """Name a file to write to, which becomes `file` when that went well. Raises OSError if `file` is there."""
    if file.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    with TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        made = Path(folder) / "backup"
        yield made
        made.chmod(0o600)
        made.rename(file)


@asynccontextmanager
async def _copied(file: Path) -> AsyncIterator[Database]:
    """Open a copy of a backup, brought up to date; the file itself is never written to."""
    with TemporaryDirectory(prefix="authserver-") as folder:
        async with _opened(Path(shutil.copy(file, Path(folder) / "backup"))) as (database, url):
            await backup.bring_up_to_date(database, url)
            yield database


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[tuple[Database, str]]:
    url = f"sqlite:///{path}"
    database = open_database(url)
    try:
        yield database, url
    finally:
        await database.close()
