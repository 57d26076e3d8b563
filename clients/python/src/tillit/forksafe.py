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


def call_after_fork(method: Callable[[], None]) -> None:
    """Call the bound `method` in every forked child, for as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def in_child() -> None:
        alive = reference()
        if alive is not None:
            alive()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


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
