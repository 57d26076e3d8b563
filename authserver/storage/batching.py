"""Group commit: callers that arrive while one round trip is under way share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from itertools import chain, islice
from typing import Final, Generic, NamedTuple, TypeVar

from authserver.oauth.unavailable import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_ITEMS: Final = 512
QUEUE_ITEMS: Final = 4096
DEADLINE_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 8.0


class _Wait(NamedTuple, Generic[Item]):
    """One caller's item, and until when, by the loop's clock, the caller waits."""

    item: Item
    until: float


class Batcher(Generic[Item, Result]):
    """Hands items to `flush` in batches, one batch at a time, and each caller its own result.

    `flush` takes a batch and returns one result for each item, in order; an `Unavailable` as result is raised for its
    caller alone. It begins after every item of its batch was submitted. If it raises `Unavailable`, all its callers
    get that `certain`; after anything else nothing is certain.
    Memory is bounded: beyond `queue` waiting items a caller is turned away at once. A caller waits at most `deadline`
    seconds, a flush runs at most `flush_seconds`. Belongs to the event loop of its first caller.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Unavailable]]],
        part: str,
        *,
        batch: int = BATCH_ITEMS,
        queue: int = QUEUE_ITEMS,
        deadline: float = DEADLINE_SECONDS,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._flush = flush
        self._part = part
        self._batch = batch
        self._queue = queue
        self._deadline = deadline
        self._flush_seconds = flush_seconds
        # By the future that gets the answer, in order of arrival; whoever gives up leaves at once and makes room.
        self._waiting: dict[asyncio.Future[Result], _Wait[Item]] = {}
        self._sent: dict[asyncio.Future[Result], _Wait[Item]] = {}
        # One for all: everyone waits equally long, so whoever came first is the first to give up.
        self._timer: asyncio.TimerHandle | None = None
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """Return the result of this item.

        Raises Unavailable: `certain` when the item never left for the store, or the store knows that nothing happened.
        """
        if self._closed or len(self._waiting) >= self._queue:
            raise Unavailable(self._part)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        until = loop.time() + self._deadline
        self._waiting[answer] = _Wait(item, until)
        if self._timer is None:
            self._timer = loop.call_at(until, self._give_up)
        if self._worker is None:
            # An empty context: the worker serves everyone, and must not log in the name of the first.
            self._worker = loop.create_task(self._run(), context=Context())
        try:
            return await answer
        except asyncio.CancelledError:
            self._waiting.pop(answer, None)
            if not answer.cancelled() and answer.done():
                # Seen, though the caller was cancelled just before it could see it.
                answer.exception()
            raise

    async def close(self) -> None:
        """Turn newcomers away, and return when everything submitted has been answered."""
        self._closed = True
        if self._worker is not None:
            await asyncio.wait([self._worker])
        if self._timer is not None:
            self._timer.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._sent = dict(islice(self._waiting.items(), self._batch))
                for answer in self._sent:
                    del self._waiting[answer]
                await self._send(self._sent)
        finally:
            self._sent = {}
            self._worker = None

    async def _send(self, batch: dict[asyncio.Future[Result], _Wait[Item]]) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                results = await self._flush([wait.item for wait in batch.values()])
            answers = list(zip(batch, results, strict=True))
        except Unavailable as error:
            self._fail(batch, error, certain=error.certain)
        except Exception as error:  # noqa: BLE001 - every caller gets it as its cause
            self._fail(batch, error, certain=False)
        except BaseException as error:
            self._fail(batch, error, certain=False)
            self._fail(self._waiting, error, certain=True)
            self._waiting.clear()
            raise
        else:
            for answer, result in answers:
                if isinstance(result, Unavailable):
                    self._fail([answer], result, certain=result.certain)
                elif not answer.done():
                    answer.set_result(result)

    def _give_up(self) -> None:
        """End the waits that are over, and come again when the next one is."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for answer, wait in list(chain(self._sent.items(), self._waiting.items())):
            if answer.done():
                continue
            if wait.until > loop.time():
                self._timer = loop.call_at(wait.until, self._give_up)
                return
            cause = TimeoutError(f"no answer in {self._deadline} s")
            self._fail([answer], cause, certain=self._waiting.pop(answer, None) is not None)

    def _fail(self, answers: Iterable[asyncio.Future[Result]], cause: BaseException, *, certain: bool) -> None:
        for answer in answers:
            if not answer.done():
                failure = Unavailable(self._part, certain=certain)
                failure.__cause__ = cause
                answer.set_exception(failure)
