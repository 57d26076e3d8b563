"""Other authorities' registers are asked within bounds, and only a clear answer counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.evidence import Evidence
from authserver.oauth.models import DelegationSource
from authserver.services.outside.registers import Answer, Bounds, NoAnswerError, Registers

CONSUMER, SUPPLIER = "310000009", "310000017"
SOURCE = DelegationSource("https://b.example/", "B", "https://b.example/delegations", "altinn:maskinporten/delegations")
NOTHING = Answer(200, b"[]")


def delegated(*scopes: str) -> Answer:
    """The answer of a register that holds one delegation of these scopes."""
    row = {"consumer_org": CONSUMER, "supplier_org": SUPPLIER, "delegation_scheme_Id": "d1", "scopes": list(scopes)}
    return Answer(200, json.dumps([row]).encode())


@dataclass
class Register:
    """A register that answers what the test wants, and counts what it is asked."""

    answer: Callable[[], Awaitable[Answer]] | Answer | NoAnswerError = NOTHING
    asked: list[Mapping[str, str]] = field(default_factory=list)

    async def __call__(self, source: DelegationSource, query: Mapping[str, str]) -> Answer:
        self.asked.append(query)
        if isinstance(self.answer, NoAnswerError):
            raise self.answer
        return self.answer if isinstance(self.answer, Answer) else await self.answer()


@dataclass
class Case:
    """Registers over one register, with a clock that the test moves."""

    register: Register = field(default_factory=Register)
    keep: int = 0
    at_once: int = 8
    seconds: float = 30.0
    now: float = 100.0

    def __post_init__(self) -> None:
        bounds = Bounds(self.seconds, self.at_once, self.keep)
        self.registers = Registers(self.register, bounds, lambda: self.now)

    async def look_up(self, *scopes: str) -> Evidence:
        """Ask about these scopes."""
        return await self.registers.look_up(
            SOURCE, consumer_orgno=CONSUMER, supplier_orgno=SUPPLIER, scopes=scopes or ("p:read",)
        )

    async def silent(self) -> Refusal:
        """Ask, and return the refusal that must come of it."""
        with pytest.raises(Refusal) as raised:
            await self.look_up()
        assert raised.value.reason is Reason.REGISTER_SILENT
        assert raised.value.status == 503
        return raised.value


async def test_a_delegation_is_evidence_with_its_ids_and_the_digest_of_the_answer() -> None:
    """The register is asked about exactly these two and this scope, and its answer is kept as evidence."""
    case = Case(Register(delegated("p:read")))
    found = await case.look_up()
    assert case.register.asked == [{"supplierOrg": SUPPLIER, "consumerOrg": CONSUMER, "scope": "p:read"}]
    assert (found.source, found.consumer_orgno, found.supplier_orgno) == (SOURCE.issuer, CONSUMER, SUPPLIER)
    assert found.delegated == {"p:read": ("d1",)}
    digest = sha256(delegated("p:read").body).hexdigest()
    assert found.line == f"https://b.example/ answered sha256:{digest}"


async def test_every_scope_is_asked_about_by_itself() -> None:
    """A scope counts by the answer to the question about it, and one that is not delegated is missing."""
    case = Case()
    answers = iter([delegated("p:read"), NOTHING])

    async def next_one() -> Answer:
        return next(answers)

    case.register.answer = next_one
    found = await case.look_up("p:read", "p:write")
    assert [query["scope"] for query in case.register.asked] == ["p:read", "p:write"]
    assert found.delegated == {"p:read": ("d1",)}


@pytest.mark.parametrize(
    "answer",
    [
        NoAnswerError("ConnectError"),
        Answer(200, b"<html>"),
        Answer(200, b"{}"),
        Answer(204, b""),
        Answer(302, b"[]"),
        Answer(400, b"[]"),
        Answer(401, b"[]"),
        Answer(403, delegated("p:read").body),
        Answer(500, delegated("p:read").body),
        Answer(503, b"[]"),
    ],
)
async def test_whatever_is_no_clear_answer_refuses_with_503(answer: Answer | NoAnswerError) -> None:
    """No answer, rubbish and every other status than 200 are refused alike, whatever stands in the body."""
    refusal = await Case(Register(answer)).silent()
    assert refusal.retry_after == 2
    assert refusal.value == SOURCE.issuer
    assert refusal.detail.startswith(f"{SOURCE.issuer}: ")


async def test_an_answer_that_does_not_come_in_time_refuses() -> None:
    """Nobody waits longer than the bound, not for several questions together either."""

    async def never() -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    refusal = await Case(Register(never), seconds=0.01).silent()
    assert refusal.detail == f"{SOURCE.issuer}: no answer in time"


async def test_after_five_failures_in_a_row_the_register_is_left_alone_and_found_again() -> None:
    """The sixth request is refused without asking; after the pause one asks, and its answer lets all ask again."""
    case = Case(Register(NoAnswerError("ConnectError")))
    for _ in range(5):
        await case.silent()
    left_alone = await case.silent()
    assert len(case.register.asked) == 5
    assert left_alone.retry_after == 5
    assert left_alone.detail == f"{SOURCE.issuer}: it is left alone, for it did not answer before"
    case.now += 5
    case.register.answer = delegated("p:read")
    assert (await case.look_up()).delegated
    assert (await case.look_up()).delegated
    assert len(case.register.asked) == 7


async def test_a_probe_that_fails_leaves_the_register_alone_again() -> None:
    """One failure after the pause is enough for another pause."""
    case = Case(Register(NoAnswerError("ConnectError")))
    for _ in range(5):
        await case.silent()
    case.now += 5
    await case.silent()
    await case.silent()
    assert len(case.register.asked) == 6


async def test_a_register_that_refuses_one_question_is_still_asked_others() -> None:
    """A 4xx about a question is no failure of the register: it refuses that request, and opens nothing."""
    case = Case(Register(Answer(403, b"")))
    for _ in range(9):
        await case.silent()
    assert len(case.register.asked) == 9


async def test_no_more_wait_for_a_register_than_there_is_room_for() -> None:
    """While so many wait, the next is refused at once and not asked about; when one is done there is room again."""
    answered = asyncio.Event()

    async def later() -> Answer:
        await answered.wait()
        return delegated("p:read")

    case = Case(Register(later), at_once=2)
    waiting = [asyncio.create_task(case.look_up()) for _ in range(2)]
    await asyncio.sleep(0)
    assert len(case.register.asked) == 2
    assert (await case.silent()).detail == f"{SOURCE.issuer}: too many requests wait for it"
    answered.set()
    assert [one.delegated for one in await asyncio.gather(*waiting)] == [{"p:read": ("d1",)}] * 2
    assert (await case.look_up()).delegated
    assert len(case.register.asked) == 3


async def test_a_caller_that_goes_away_gives_its_place_back() -> None:
    """A request that is cancelled while it waits takes no place from those after it, and is no failure."""

    async def never() -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    case = Case(Register(never), at_once=1)
    for _ in range(6):
        waiting = asyncio.create_task(case.look_up())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(case.register.asked) == 6
    case.register.answer = delegated("p:read")
    assert (await case.look_up()).delegated


async def test_without_a_cache_every_request_asks() -> None:
    """By default what is revoked at the register counts for the very next request."""
    case = Case(Register(delegated("p:read")))
    assert (await case.look_up()).delegated
    case.register.answer = NOTHING
    assert not (await case.look_up()).delegated


async def test_with_a_cache_a_delegation_counts_for_so_long_and_no_longer() -> None:
    """What was found counts until the bound, with its age in evidence; at the bound the register is asked again."""
    case = Case(Register(delegated("p:read")), keep=10)
    assert (await case.look_up()).age == 0
    case.register.answer = NOTHING
    case.now += 9.9
    kept = await case.look_up()
    assert (kept.delegated, kept.age) == ({"p:read": ("d1",)}, 9)
    assert kept.line.endswith(", 9 s before")
    case.now += 0.1
    assert not (await case.look_up()).delegated


async def test_that_nothing_is_delegated_is_never_kept() -> None:
    """A new delegation counts at once, cache or not."""
    case = Case(keep=10)
    assert not (await case.look_up()).delegated
    case.register.answer = delegated("p:read")
    assert (await case.look_up()).delegated


async def test_what_is_kept_counts_for_its_scope_alone() -> None:
    """A kept answer spares its own question, not that about another scope, even if the row named both."""
    case = Case(Register(delegated("p:read", "p:write")), keep=10)
    await case.look_up("p:read")
    await case.look_up("p:read", "p:write")
    assert [query["scope"] for query in case.register.asked] == ["p:read", "p:write"]
