"""What must happen to in-memory state when the process forks.

A fork copies locks in whatever state another thread left them, and that thread does not exist in the child. Web
servers that load the application and then fork would otherwise wait for ever on their first token.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Final


class _AfterFork:
    """What is to be called in a forked child. The system is told once, for it forgets nothing that it is told."""

    def __init__(self) -> None:
        self._methods: set[weakref.WeakMethod[Callable[[], None]]] = set()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._call)

    def add(self, method: Callable[[], None]) -> None:
        self._methods.add(weakref.WeakMethod(method, self._methods.discard))

    def _call(self) -> None:
        for method in [reference() for reference in self._methods]:
            if method is not None:
                method()


_AFTER_FORK: Final = _AfterFork()


def call_after_fork(method: Callable[[], None]) -> None:
    """Call the bound `method` in every forked child, for as long as its object lives."""
    _AFTER_FORK.add(method)


class ForkSafeLock:
    """A mutex that is free again in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        call_after_fork(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
