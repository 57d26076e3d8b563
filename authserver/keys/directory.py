"""The directory that keeps the signing keys: one file a key, readable by its owner only, each replaced as a whole."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from authserver.keys.faults import BrokenKeyError
from authserver.keys.signing_key import SigningKey

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_LOCK: Final = ".lock"
_UNFINISHED: Final = ".unfinished"

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, inode, time of change (of content or mode) and size of every key file: another stamp means another content."""


class KeyDirectory:
    """Key files named `<kid>.json`. A directory that is not there yet is an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, SigningKey] = {}

    def stamp(self) -> Stamp:
        """Tell what is there without opening a file."""
        stats = ((file.name, file.stat()) for file in self._files())
        return tuple((name, found.st_ino, found.st_ctime_ns, found.st_size) for name, found in stats)

    def read(self) -> tuple[SigningKey, ...]:
        """Read every key. Raises BrokenKeyError for the first file that may not be used; none is passed over."""
        if self.path.is_dir() and self.path.stat().st_mode & _OTHERS_WRITE:
            raise BrokenKeyError(str(self.path), "is a directory in which others may write: chmod 700 it")
        keys = {file.name: self._read(file) for file in self._files()}
        self._known = keys
        return tuple(keys.values())

    def write(self, key: SigningKey) -> None:
        """Put the key's file in place. Whoever reads meanwhile, or after a crash, finds the old file or the new one."""
        unfinished = self.path / f".{key.life.kid}{_UNFINISHED}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.serialise())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path / f"{key.life.kid}.json")
        self._sync()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other writer out, on this machine, until the block ends; the kernel frees the lock of the dead."""
        self.path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left_behind in self.path.glob(f".*{_UNFINISHED}"):
                left_behind.unlink()
            yield
        finally:
            os.close(descriptor)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return sorted(file for file in self.path.iterdir() if file.suffix == ".json" and not file.name.startswith("."))

    def _read(self, file: Path) -> SigningKey:
        try:
            with file.open("rb") as opened:
                if os.fstat(opened.fileno()).st_mode & _OTHERS:
                    raise BrokenKeyError(file.name, "can be read by others than its owner: chmod 600 it")
                data = opened.read()
        except OSError as fault:
            raise BrokenKeyError(file.name, f"cannot be read: {fault.strerror}") from fault
        try:
            key = SigningKey.parse(data, self._known.get(file.name))
        except ValueError as fault:
            raise BrokenKeyError(file.name, str(fault)) from fault
        if file.stem != key.life.kid:
            raise BrokenKeyError(file.name, f"is a second home for the key {key.life.kid}: a file is named by its kid")
        return key

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
