"""The memory of answers to creates: one request has a key, for a time, and one caller has so many."""

import pytest

from authserver.storage import idempotency
from authserver.storage.database import Database
from authserver.storage.idempotency import KEPT_SECONDS, PENDING_SECONDS, SqlIdempotency

pytestmark = pytest.mark.anyio
NOW = 1_900_000_000


async def test_a_key_is_claimed_once_and_its_answer_kept_for_a_day(database: Database) -> None:
    """The first claim is free, the next learn that the answer is under way, then what it was, until it is forgotten."""
    memory = SqlIdempotency(database)
    assert await memory.begin("c1", "k", "first", NOW) is None
    assert await memory.begin("c1", "k", "second", NOW + 1) == ("first", 0, "", "")
    await memory.keep("c1", "k", NOW + 1, (201, '{"etag":"1"}', "{}"))
    kept = ("first", 201, '{"etag":"1"}', "{}")
    assert await memory.begin("c1", "k", "first", NOW + KEPT_SECONDS) == kept
    assert await memory.begin("c2", "k", "other", NOW + KEPT_SECONDS) is None
    assert await memory.begin("c1", "k", "first", NOW + 1 + KEPT_SECONDS) is None


async def test_a_claim_that_is_given_back_or_abandoned_is_free_again(database: Database) -> None:
    """A request that changed nothing frees its key at once, one whose node died after a minute."""
    memory = SqlIdempotency(database)
    assert await memory.begin("c1", "k", "first", NOW) is None
    await memory.forget("c1", "k")
    assert await memory.begin("c1", "k", "second", NOW) is None
    assert await memory.begin("c1", "k", "third", NOW + PENDING_SECONDS) is None


async def test_one_caller_has_a_bounded_number_of_answers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest answer of the same caller gives way, nobody else's."""
    monkeypatch.setattr(idempotency, "MOST_OF_ONE_CALLER", 2)
    memory = SqlIdempotency(database)
    await memory.begin("c2", "k", "theirs", NOW)
    for number in range(3):
        assert await memory.begin("c1", f"k{number}", "mine", NOW + number) is None
    assert await memory.begin("c2", "k", "theirs", NOW) is not None
    assert await memory.begin("c1", "k2", "mine", NOW) is not None
    assert await memory.begin("c1", "k0", "mine", NOW) is None


async def test_the_secret_of_cursors_is_one_for_all_who_ask(database: Database) -> None:
    """Two nodes read the same 256 bits."""
    first, second = [await SqlIdempotency(database).cursor_secret() for _ in range(2)]
    assert first == second
    assert len(first) == 32
