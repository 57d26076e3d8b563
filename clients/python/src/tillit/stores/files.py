"""Tokens in a private directory, for the processes of one user on one machine."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tillit.errors import ConfigError
from tillit.stores.protocol import MAX_BYTES, Stored

if TYPE_CHECKING:
    from filelock import FileLock

_KEY: Final = re.compile(r"[0-9a-f]{64}\Z")
_TOKEN: Final = re.compile(r"[0-9a-f]{64}\.token\Z")
_TEMPORARY: Final = re.compile(r"[0-9a-f]{32}\.tmp\Z")
# Neither through a link nor into a pipe, which would not end. Windows has neither flag.
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PUTS_BETWEEN_SWEEPS: Final = 256
# A temporary file lives for the time of one write; whoever left one an hour ago was killed.
_ABANDONED_AFTER: Final = 3600.0


class FileStore:
    """One file a token, readable by its owner alone and replaced in one step; locks are those of the operating system.

    The directory is made if it is missing, and refused with ConfigError if that fails, if others may look into it, if
    it is another's or if it is a link. A file that cannot be read as a token is as good as none. Locks end with the
    process that holds them, however it ends. Not for network file systems. Needs the extra `file`.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        _require_filelock()
        self._directory = Path(directory).absolute()
        self._puts = 0
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the directory of the token cache cannot be made ({error.strerror})") from None
        _check_private(self._directory)

    def get(self, key: str) -> Stored | None:
        """What was put under `key`, unless its time is over. Raises OSError."""
        try:
            with os.fdopen(os.open(self._path(key), _READ), "rb") as file:
                status = os.fstat(file.fileno())
                # The time of modification is set to the time until which the content is good.
                fresh = status.st_mtime > time.time() and _is_private(status)
                blob = file.read(MAX_BYTES + 1) if fresh else b""
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return None
            raise
        return Stored(blob) if fresh and len(blob) <= MAX_BYTES else None

    def put(self, key: str, blob: bytes, ttl: float) -> None:
        """Keep `blob` under `key` for `ttl` seconds. Raises OSError."""
        temporary = self._temporary()
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(blob)
            now = time.time()
            os.utime(temporary, (now, now + ttl))
            temporary.replace(self._path(key))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._puts += 1
        if self._puts % _PUTS_BETWEEN_SWEEPS == 1:
            self._sweep()

    def drop(self, key: str, blob: bytes) -> None:
        """Remove `blob` from `key`, unless something else has taken its place. Raises OSError."""
        path, aside = self._path(key), self._temporary()
        try:
            # Taken aside before it is looked at: what is put meanwhile is not what gets removed.
            path.rename(aside)
            if aside.read_bytes() != blob:
                with suppress(FileExistsError):
                    path.hardlink_to(aside)
        except FileNotFoundError:
            return
        aside.unlink(missing_ok=True)

    def lock(self, key: str, ttl: float) -> _FileLease | None:  # noqa: ARG002 - the system ends it with the process
        """The lock of `key`, or None while another holds it. It lasts as long as its holder. Raises OSError."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - an extra

        # A lock file must stay, or two processes could lock two files of one name; so there is a bounded number.
        path = self._directory / f"{self._name(key)[:4]}.lock"
        held = FileLock(path, mode=0o600, thread_local=False)
        try:
            held.acquire(blocking=False)
        except Timeout:
            return None
        return _FileLease(held)

    def _path(self, key: str) -> Path:
        return self._directory / f"{self._name(key)}.token"

    def _temporary(self) -> Path:
        return self._directory / f"{secrets.token_hex(16)}.tmp"

    @staticmethod
    def _name(key: str) -> str:
        return key if _KEY.match(key) else hashlib.sha256(key.encode()).hexdigest()

    def _sweep(self) -> None:
        """Remove what is over, of the files with names that this store gives: others in the directory are not ours."""
        now = time.time()
        for path in self._directory.iterdir():
            before = now if _TOKEN.match(path.name) else now - _ABANDONED_AFTER
            with suppress(OSError):
                if (_TOKEN.match(path.name) or _TEMPORARY.match(path.name)) and path.lstat().st_mtime < before:
                    path.unlink()

    def __repr__(self) -> str:
        return f"FileStore({str(self._directory)!r})"


class _FileLease:
    def __init__(self, held: FileLock) -> None:
        self._held = held

    def release(self) -> None:
        self._held.release()


def _require_filelock() -> None:
    try:
        import filelock  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise ConfigError("FileStore needs the extra `file`: install tillit[file]") from None


def _is_private(status: os.stat_result) -> bool:
    """Whether a file is one that this store may have written: regular, its user's own, and nobody else's to touch."""
    if not stat.S_ISREG(status.st_mode):
        return False
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o077)


def _check_private(directory: Path) -> None:
    if not hasattr(os, "geteuid"):
        return  # Windows: the directories of a user's profile are private, and modes say nothing
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError("the token cache must be a directory, and not a link")
    if status.st_uid != os.geteuid():
        raise ConfigError("the directory of the token cache belongs to another user")
    if status.st_mode & 0o077:
        raise ConfigError("the directory of the token cache is open to other users; make its mode 0700")
