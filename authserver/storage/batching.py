"""Group commit: callers that arrive while one round trip is under way share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from authserver.oauth.unavailable import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_ITEMS: Final = 512
QUEUE_ITEMS: Final = 4096
DEADLINE_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 8.0


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Item, Result]):
    """One caller's item, whether it has left for the store, and where its answer goes."""

    item: Item
    answer: asyncio.Future[Result]
    sent: bool = False


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
        # In order of arrival; a dict, so that whoever gives up leaves at once and makes room.
        self._waiting: dict[_Waiting[Item, Result], None] = {}
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """Return the result of this item.

        Raises Unavailable: `certain` when the item never left for the store, or the store knows that nothing happened.
        """
        if self._closed or len(self._waiting) >= self._queue:
            raise Unavailable(self._part)
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Item, Result] = _Waiting(item, loop.create_future())
        self._waiting[waiting] = None
        if self._worker is None or self._worker.done():
            # An empty context: the worker serves everyone, and must not log in the name of the first.
            self._worker = loop.create_task(self._run(), context=Context())
        timer = loop.call_later(self._deadline, self._give_up, waiting)
        try:
            return await waiting.answer
        finally:
            timer.cancel()
            self._waiting.pop(waiting, None)
            if not waiting.answer.cancelled() and waiting.answer.done():
                # Seen, even if the caller was cancelled just before it could see it.
                waiting.answer.exception()

    async def close(self) -> None:
        """Turn newcomers away, and return when everything submitted has been answered."""
        self._closed = True
        if self._worker is not None:
            await asyncio.wait([self._worker])

    async def _run(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, self._batch))
            for waiting in batch:
                del self._waiting[waiting]
                waiting.sent = True
            await self._send(batch)

    async def _send(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                results = await self._flush([waiting.item for waiting in batch])
            answers = list(zip(batch, results, strict=True))
        except Unavailable as error:
            self._fail(batch, error, certain=error.certain)
        except Exception as error:  # noqa: BLE001 - every caller gets it as its cause
            self._fail(batch, error, certain=False)
        except BaseException as error:
            self._fail(batch, error, certain=False)
            self._fail(list(self._waiting), error, certain=True)
            raise
        else:
            for waiting, result in answers:
                if isinstance(result, Unavailable):
                    self._fail([waiting], result, certain=result.certain)
                elif not waiting.answer.done():
                    waiting.answer.set_result(result)

    def _give_up(self, waiting: _Waiting[Item, Result]) -> None:
        self._fail([waiting], TimeoutError(f"no answer in {self._deadline} s"), certain=not waiting.sent)

    def _fail(self, batch: Sequence[_Waiting[Item, Result]], cause: BaseException, *, certain: bool) -> None:
        for waiting in batch:
            if not waiting.answer.done():
                failure = Unavailable(self._part, certain=certain)
                failure.__cause__ = cause
                waiting.answer.set_exception(failure)
