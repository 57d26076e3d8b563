"""Asking the registers that other authorities keep: in bounded time and number, believed only when answered well.

Nothing here ever turns a failure into evidence: whatever is not a clear answer refuses the token request with a 503.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

import structlog

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.evidence import Evidence
from authserver.oauth.models import DelegationSource
from authserver.services.outside.answers import delegations
from authserver.services.outside.breaker import Breaker

_FAILURES: Final = 5
_PAUSE_SECONDS: Final = 5.0
_RETRY_AFTER: Final = 2
_KEPT: Final = 10_000


class Answer(NamedTuple):
    """What a register answered: status and body."""

    status: int
    body: bytes


class NoAnswerError(Exception):
    """The register gave no answer; the text says why, and nothing of what it sent.

    `alive` tells that it answers, only not this question, so that others may still be asked.
    """

    def __init__(self, why: str, *, alive: bool = False) -> None:
        super().__init__(why)
        self.alive = alive


class Call(Protocol):
    """One question to a register."""

    async def __call__(self, source: DelegationSource, query: Mapping[str, str]) -> Answer:
        """Ask, with a token of ours. Raises NoAnswerError."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `at_once` requests wait for one register, and none longer than `seconds`.

    A delegation that was found counts for `keep_seconds` more without asking; 0 asks every time.
    """

    seconds: float
    at_once: int
    keep_seconds: int


class _Parties(NamedTuple):
    issuer: str
    consumer_orgno: str
    supplier_orgno: str


class _Found(NamedTuple):
    """An answer: the register's ids of the delegations, None if there is none; its digest, and when it came."""

    ids: tuple[str, ...] | None
    digest: str
    at: float


@dataclass(slots=True)
class _Line:
    """What this process remembers of one register."""

    breaker: Breaker = field(default_factory=lambda: Breaker(_FAILURES, _PAUSE_SECONDS))
    under_way: int = 0
    failing: bool = False


class Registers:
    """Looks delegations up in the registers of other authorities. `monotonic` reads seconds of a steady clock."""

    def __init__(self, call: Call, bounds: Bounds, monotonic: Callable[[], float]) -> None:
        self._call = call
        self._bounds = bounds
        self._monotonic = monotonic
        self._lines: dict[str, _Line] = {}
        self._kept: OrderedDict[tuple[_Parties, str], _Found] = OrderedDict()

    async def look_up(
        self, source: DelegationSource, *, consumer_orgno: str, supplier_orgno: str, scopes: Sequence[str]
    ) -> Evidence:
        """Ask whether a consumer has delegated these scopes to a supplier.

        Raises Refusal REGISTER_SILENT when the register did not answer every question clearly and in time.
        """
        parties = _Parties(source.issuer, consumer_orgno, supplier_orgno)
        found = {scope: kept for scope in scopes if (kept := self._recall(parties, scope))}
        missing = [scope for scope in scopes if scope not in found]
        if missing:
            found |= await self._guarded(source, parties, missing)
        oldest = min(each.at for each in found.values())
        return Evidence(
            source=source.issuer,
            consumer_orgno=consumer_orgno,
            supplier_orgno=supplier_orgno,
            delegated={scope: each.ids for scope, each in found.items() if each.ids is not None},
            digest=_digest([found[scope].digest for scope in scopes]),
            age=int(self._monotonic() - oldest) if not missing else 0,
        )

    async def _guarded(
        self, source: DelegationSource, parties: _Parties, scopes: Sequence[str]
    ) -> Mapping[str, _Found]:
        """Ask, if the register is not left alone just now. Raises Refusal REGISTER_SILENT."""
        line = self._lines.setdefault(source.issuer, _Line())
        if line.under_way >= self._bounds.at_once:
            raise _silent(source, "too many requests wait for it", _RETRY_AFTER)
        if wait := line.breaker.wait(self._monotonic()):
            raise _silent(source, "it is left alone, for it did not answer before", wait)
        line.under_way += 1
        try:
            async with asyncio.timeout(self._bounds.seconds):
                found = {scope: await self._ask(source, parties, scope) for scope in scopes}
        except (NoAnswerError, TimeoutError) as fault:
            why = str(fault) or "no answer in time"
            self._note(line, source, None if isinstance(fault, NoAnswerError) and fault.alive else why)
            raise _silent(source, why, _RETRY_AFTER) from None
        finally:
            line.under_way -= 1
        self._note(line, source, None)
        return found

    def _note(self, line: _Line, source: DelegationSource, fault: str | None) -> None:
        """Let the breaker know how it went; the log is told when it changes."""
        log = structlog.get_logger("authserver")
        if fault is None:
            line.breaker.succeeded()
            if line.failing:
                log.info("a register of delegations answers again", register=source.issuer)
        else:
            line.breaker.failed(self._monotonic())
            if not line.failing:
                log.warning("a register of delegations does not answer", register=source.issuer, fault=fault)
        line.failing = fault is not None

    async def _ask(self, source: DelegationSource, parties: _Parties, scope: str) -> _Found:
        query = {"supplierOrg": parties.supplier_orgno, "consumerOrg": parties.consumer_orgno, "scope": scope}
        status, body = await self._call(source, query)
        if status != 200:
            alive = 400 <= status < 500 and status not in (401, 408, 429)
            raise NoAnswerError(f"status {status}", alive=alive)
        try:
            ids = delegations(
                body, consumer_orgno=parties.consumer_orgno, supplier_orgno=parties.supplier_orgno, scope=scope
            )
        except ValueError:
            raise NoAnswerError("the answer cannot be read") from None
        found = _Found(ids, sha256(body).hexdigest(), self._monotonic())
        self._keep(parties, scope, found)
        return found

    def _keep(self, parties: _Parties, scope: str, found: _Found) -> None:
        """Keep what was found; that nothing was found is never kept, so that a new delegation counts at once."""
        if found.ids is None or self._bounds.keep_seconds == 0:
            return
        self._kept[parties, scope] = found
        self._kept.move_to_end((parties, scope))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _recall(self, parties: _Parties, scope: str) -> _Found | None:
        found = self._kept.get((parties, scope))
        if found is None or self._monotonic() - found.at >= self._bounds.keep_seconds:
            return None
        return found


def _silent(source: DelegationSource, why: str, retry_after: int) -> Refusal:
    return Refusal(
        Reason.REGISTER_SILENT, value=source.issuer, detail=f"{source.issuer}: {why}", retry_after=retry_after
    )


def _digest(digests: Sequence[str]) -> str:
    """The digest of one answer, or of the digests of several, in the order of the scopes."""
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode("ascii")).hexdigest()
