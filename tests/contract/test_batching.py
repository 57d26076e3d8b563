"""Group commit: who shares a flush with whom, and what everyone may believe when it fails."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.oauth.unavailable import Unavailable
from authserver.storage.batching import Batcher

pytestmark = pytest.mark.anyio


class Store:
    """A flush that notes its batches and, once held, lets each pass only when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: BaseException | None = None

    async def flush(self, batch: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(batch))
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [item * 10 for item in batch]

    def hold(self) -> None:
        self.entered.clear()
        self.gate.clear()


async def in_flight(store: Store, batcher: Batcher[int, int], item: int = 0) -> asyncio.Task[int]:
    """Submit an item and return when its flush is under way and held."""
    store.hold()
    task = asyncio.create_task(batcher.submit(item))
    await store.entered.wait()
    return task


async def waiting(batcher: Batcher[int, int], *items: int) -> list[asyncio.Task[int]]:
    """Submit items and return when all of them wait."""
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_arrivals_during_a_flush_share_the_next() -> None:
    """Items submitted while a flush is under way go out together, in order of arrival, and get their own results."""
    store = Store()
    batcher = Batcher(store.flush, "test")
    first = await in_flight(store, batcher)
    others = await waiting(batcher, 1, 2, 3)
    store.gate.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20, 30]
    assert store.batches == [[0], [1, 2, 3]]


async def test_a_batch_is_bounded() -> None:
    """No flush gets more items than the batch size."""
    store = Store()
    batcher = Batcher(store.flush, "test", batch=2)
    first = await in_flight(store, batcher)
    others = await waiting(batcher, 1, 2, 3, 4, 5)
    store.gate.set()
    await asyncio.gather(first, *others)
    assert store.batches == [[0], [1, 2], [3, 4], [5]]


async def test_a_full_queue_turns_away_at_once() -> None:
    """Beyond the bound a caller hears at once that nothing happened, and everyone before it is served."""
    store = Store()
    batcher = Batcher(store.flush, "test", queue=2)
    first = await in_flight(store, batcher)
    others = await waiting(batcher, 1, 2)
    with pytest.raises(Unavailable) as refused:
        await batcher.submit(3)
    assert refused.value.certain
    store.gate.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20]


async def test_a_deadline_tells_whether_the_item_had_left() -> None:
    """On expiry it is certain that nothing happened to an item not sent, and uncertain of one that was."""
    store = Store()
    batcher = Batcher(store.flush, "test", deadline=0.05)
    first = await in_flight(store, batcher)
    (other,) = await waiting(batcher, 1)
    answers = await asyncio.gather(first, other, return_exceptions=True)
    assert [answer.certain for answer in answers if isinstance(answer, Unavailable)] == [False, True]
    store.gate.set()
    await batcher.close()
    assert store.batches == [[0]]


async def test_whoever_gave_up_makes_room() -> None:
    """An expired item leaves the queue, so that a stall does not turn newcomers away for ever."""
    store = Store()
    batcher = Batcher(store.flush, "test", queue=1, deadline=0.05)
    first = await in_flight(store, batcher)
    (other,) = await waiting(batcher, 1)
    await asyncio.gather(first, other, return_exceptions=True)
    (late,) = await waiting(batcher, 2)
    store.gate.set()
    assert await late == 20
    assert store.batches == [[0], [2]]


@pytest.mark.parametrize(
    ("error", "certain"),
    [(Unavailable("store", certain=True), True), (Unavailable("store", certain=False), False), (ValueError(), False)],
)
async def test_a_failed_flush_fails_its_items_alone(error: Exception, certain: bool) -> None:
    """A flush that raises fails its own batch with its own certainty, and the next batch is served."""
    store = Store()
    batcher = Batcher(store.flush, "test")
    first = await in_flight(store, batcher)
    (other,) = await waiting(batcher, 1)
    store.error = error
    store.entered.clear()
    store.gate.set()
    with pytest.raises(Unavailable) as failed:
        await first
    assert failed.value.certain is certain
    assert failed.value.__cause__ is error
    store.error = None
    assert await batcher.submit(2) == 20
    await asyncio.gather(other, return_exceptions=True)


async def test_an_unavailable_result_is_one_callers_own() -> None:
    """A flush may fail one item of a batch without failing the others."""

    async def flush(batch: Sequence[int]) -> Sequence[int | Unavailable]:
        return [Unavailable("store", certain=True) if item == 1 else item for item in batch]

    batcher = Batcher(flush, "test")
    answers = await asyncio.gather(*(batcher.submit(item) for item in range(3)), return_exceptions=True)
    assert answers[0] == 0
    assert isinstance(answers[1], Unavailable)
    assert answers[1].certain
    assert answers[2] == 2


async def test_a_flush_that_answers_too_little_is_believed_nothing() -> None:
    """Results that do not match the batch one to one are given to nobody."""

    async def flush(batch: Sequence[int]) -> Sequence[int]:
        return batch[1:]

    batcher = Batcher(flush, "test")
    answers = await asyncio.gather(*(batcher.submit(item) for item in range(3)), return_exceptions=True)
    assert [isinstance(answer, Unavailable) and not answer.certain for answer in answers] == [True] * 3


async def test_a_flush_that_hangs_is_ended() -> None:
    """A flush is given up after its own limit, its items uncertain, and the next one begins."""
    store = Store()
    batcher = Batcher(store.flush, "test", flush_seconds=0.05)
    first = await in_flight(store, batcher)
    with pytest.raises(Unavailable) as failed:
        await first
    assert not failed.value.certain
    store.gate.set()
    assert await batcher.submit(1) == 10


async def test_a_cancelled_waiter_harms_nobody() -> None:
    """A caller that goes away, sent or not, costs the others nothing, and one not sent never leaves."""
    store = Store()
    batcher = Batcher(store.flush, "test")
    first = await in_flight(store, batcher)
    gone, stays = await waiting(batcher, 1, 2)
    first.cancel()
    gone.cancel()
    await asyncio.gather(first, gone, return_exceptions=True)
    store.gate.set()
    assert await stays == 20
    assert store.batches == [[0], [2]]


async def test_close_flushes_and_turns_away() -> None:
    """Closing answers everyone who waits, and certainly nothing happens for whoever comes after."""
    store = Store()
    batcher = Batcher(store.flush, "test")
    first = await in_flight(store, batcher)
    (other,) = await waiting(batcher, 1)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await batcher.submit(2)
    assert refused.value.certain
    assert not closing.done()
    store.gate.set()
    await closing
    assert [await first, await other] == [0, 10]


@given(
    plan=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=40),
    batch=st.integers(1, 5),
)
@settings(deadline=None, max_examples=60)
def test_every_item_is_sent_once_or_not_at_all(plan: list[tuple[int, bool, bool]], batch: int) -> None:
    """Whatever the timing, cancellations and failures: one send at most, and an answer exactly to those who stay."""
    sent: list[int] = []
    failing = {number for number, (_, fails, _) in enumerate(plan) if fails}

    async def flush(items: Sequence[int]) -> Sequence[int]:
        sent.extend(items)
        await asyncio.sleep(0)
        if failing.intersection(items):
            raise Unavailable("store")
        return items

    async def run() -> list[int | BaseException]:
        batcher = Batcher(flush, "test", batch=batch)
        tasks = []
        for number, (pauses, _, cancelled) in enumerate(plan):
            tasks.append(asyncio.create_task(batcher.submit(number)))
            for _ in range(pauses):
                await asyncio.sleep(0)
            if cancelled:
                tasks[-1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(run())
    assert len(sent) == len(set(sent))
    for number, answer in enumerate(answers):
        assert answer == number or isinstance(answer, Unavailable | asyncio.CancelledError)
        if answer == number or isinstance(answer, Unavailable):
            assert number in sent
        if isinstance(answer, asyncio.CancelledError):
            assert plan[number][2]
