"""Single flight: however many threads and event loops want the same thing, one of them fetches it.

A flight belongs to nobody: everyone, the first included, only waits for it, so a caller that gives up or is cancelled
takes nobody down. No lock is held while it is under way.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tillit.errors import TillitError, Unavailable
from tillit.forksafe import ForkSafeLock, call_after_fork

logger = logging.getLogger("tillit")

T = TypeVar("T")
_ADRIFT: Final = 8


@dataclass(frozen=True, slots=True)
class _Landed(Generic[T]):
    """The outcome of a flight, held as a value because many will raise it."""

    value: T | None = None
    error: BaseException | None = None

    def unwrap(self) -> T:
        if self.error is None:
            return self.value  # type: ignore[return-value]  # a flight without an error has a value
        if isinstance(self.error, TillitError):
            # Raising one object in many threads would pile up all their tracebacks in it.
            raise copy.copy(self.error) from None
        raise self.error


@dataclass(frozen=True, slots=True)
class _Flight(Generic[T]):
    future: Future[_Landed[T]]
    lost_at: float
    loop: asyncio.AbstractEventLoop | None = None

    def is_grounded(self) -> bool:
        """Whether the event loop that flew it has stopped, so that it will never land."""
        return self.loop is not None and not self.loop.is_running()

    def is_overdue(self) -> bool:
        """Whether nobody should wait for it any more."""
        return time.monotonic() >= self.lost_at


class Flights(Generic[T]):
    """The flights under way, one a key. One that has not landed after `longest` seconds is given up.

    What hangs for ever, such as a key service that never answers, then costs its callers no more than that. Up to
    `_ADRIFT` of its threads may be left behind; from then on it is waited for.
    """

    def __init__(self, longest: float = 60.0) -> None:
        self._longest = longest
        self._adrift = 0
        self._lock = ForkSafeLock()
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        call_after_fork(self._forget_parent)

    def _forget_parent(self) -> None:
        self._flights = {}
        self._tasks = set()
        self._adrift = 0

    def run(self, key: str, work: Callable[[], T], within: float) -> T:
        """What `work` gives, or what it gives to whoever came first. Raises Unavailable after `within` seconds."""
        if self._is_flown_here(key):
            return work()
        future = self.launch(key, work)
        try:
            landed = future.result(within)
        except TimeoutError:
            raise Unavailable(f"no answer within {within:g} s") from None
        return landed.unwrap()

    def launch(self, key: str, work: Callable[[], T]) -> Future[_Landed[T]]:
        """Begin `work` in a thread of its own unless it is under way; do not wait."""
        flight, first = self._join(key, None)
        if first:
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=(self._fly, key, flight, work), name="tillit-fetch", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down and starts no more threads
                self._fly(key, flight, work)
        return flight.future

    async def arun(self, key: str, work: Callable[[], Awaitable[T]], within: float) -> T:
        """The same on an event loop. Cancelling the caller does not cancel the flight."""
        future = self.alaunch(key, work)
        try:
            landed = await asyncio.wait_for(asyncio.wrap_future(future), within)
        except TimeoutError:
            raise Unavailable(f"no answer within {within:g} s") from None
        return landed.unwrap()

    def alaunch(self, key: str, work: Callable[[], Awaitable[T]]) -> Future[_Landed[T]]:
        """Begin `work` as a task unless it is under way; do not wait. Needs a running event loop."""
        flight, first = self._join(key, asyncio.get_running_loop())
        if first:
            task = asyncio.create_task(self._afly(key, flight, work), name="tillit-fetch")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # A task cancelled before its first step never enters its body; this lands it all the same.
            task.add_done_callback(lambda _: self._land(key, flight, _Landed(error=_abandoned())))
        return flight.future

    def cancel_tasks(self) -> None:
        """End the flights of the running event loop; who waits for them gets Unavailable."""
        loop = asyncio.get_running_loop()
        for task in tuple(self._tasks):
            if task.get_loop() is loop:
                task.cancel()

    def _is_flown_here(self, key: str) -> bool:
        """Whether the flight is a task of this thread's own event loop, and would not land while this thread waits."""
        flight = self._flights.get(key)
        if flight is None or flight.loop is None:
            return False
        try:
            return flight.loop is asyncio.get_running_loop()
        except RuntimeError:
            return False

    def _join(self, key: str, loop: asyncio.AbstractEventLoop | None) -> tuple[_Flight[T], bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and not flight.is_grounded():
                if not flight.is_overdue() or self._adrift >= _ADRIFT:
                    return flight, False
                # A task is bounded by its own time-outs; a thread may stay behind.
                self._adrift += flight.loop is None
            future: Future[_Landed[T]] = Future()
            # A future that runs cannot be cancelled: this is what keeps a cancelled waiter from ending the flight.
            future.set_running_or_notify_cancel()
            self._flights[key] = _Flight(future, time.monotonic() + self._longest, loop)
            return self._flights[key], True

    def _fly(self, key: str, flight: _Flight[T], work: Callable[[], T]) -> None:
        try:
            landed = _Landed(value=work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for those who wait
            landed = _Landed(error=error)
        self._land(key, flight, landed)

    async def _afly(self, key: str, flight: _Flight[T], work: Callable[[], Awaitable[T]]) -> None:
        try:
            landed = _Landed(value=await work())
        except asyncio.CancelledError:
            self._land(key, flight, _Landed(error=_abandoned()))
            raise
        except Exception as error:  # noqa: BLE001 - the same
            landed = _Landed(error=error)
        self._land(key, flight, landed)

    def _land(self, key: str, flight: _Flight[T], landed: _Landed[T]) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
            elif flight.loop is None and not flight.future.done():
                self._adrift -= 1
        if landed.error is not None and not isinstance(landed.error, TillitError):
            # Perhaps nobody waits for it. What was not foreseen might tell anything, so its kind is all that is told.
            logger.warning("a fetch failed: %s", type(landed.error).__name__)
        # Outside the lock: this wakes those who wait, and what they do is not ours to hold up.
        if not flight.future.done():
            flight.future.set_result(landed)


def _abandoned() -> Unavailable:
    return Unavailable("the event loop that was fetching has stopped")
