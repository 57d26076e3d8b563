"""Delegations by the hundred thousand: given in chunks, each a transaction; begun again, what is there is passed over.

Each line is held against the same rules as a delegation that is given alone. A faulty line is reported and keeps no
other line back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, cast

from authserver.oauth.errors import Refusal
from authserver.oauth.models import Delegation, Fact, Ref
from authserver.registry import delegation_rules as rules
from authserver.registry import delegations, rights, text
from authserver.registry.delegations import NewDelegation
from authserver.registry.organisations import number
from authserver.registry.paging import MOST, Window
from authserver.registry.ports import Actor, Change, RegistryStore

# The registry's lock is held for one chunk at a time: other changes, and on SQLite tokens, wait no longer than that.
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file by its number from 1: what it wants, or a sentence that says why it cannot be read."""

    number: int
    wanted: NewDelegation | str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line."""

    line: int
    sentence: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or in a rehearsal would do: `present` were there, `awaiting` lack the consent of an owner."""

    lines: int = 0
    added: int = 0
    awaiting: int = 0
    present: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: `issuer` is this authority. A `rehearsal` checks every line and changes nothing."""

    issuer: str
    new_id: Callable[[], str]
    rehearsal: bool = False


class _RehearsedError(Exception):
    """Leaves the transaction uncommitted."""


async def import_delegations(
    store: RegistryStore, actor: Actor, now: int, lines: Iterable[Line], options: ImportOptions
) -> ImportReport:
    """Give every delegation of the lines that is not there yet. Raises what `rights.change` raises.

    A line is there already when between the same two there is a delegation in force of the same scopes, to the same
    second if the line names an end. What was committed before an interruption stays, and is `present` the next time.
    """
    importing = _Import(actor, now, options)
    for chunk in _chunks(iter(lines)):
        with suppress(_RehearsedError):
            async with rights.change(store, actor, now, "import of delegations") as change:
                await importing.take_all(change, chunk)
    return importing.report


@dataclass(slots=True)
class _Import:
    """An import under way. `_named` is what earlier lines delegate, so that a rehearsal sees it as well."""

    actor: Actor
    now: int
    options: ImportOptions
    report: ImportReport = field(default_factory=ImportReport)
    _named: set[int] = field(default_factory=set)

    async def take_all(self, change: Change, chunk: Sequence[Line]) -> None:
        """Take some lines. Raises _RehearsedError at the end of them if nothing may be kept."""
        remembering = _Remembering(change)
        await remembering.look_ahead(chunk)
        for line in chunk:
            await self.take(cast("Change", remembering), line)
        await remembering.flush()
        if self.options.rehearsal:
            raise _RehearsedError

    async def take(self, change: Change, line: Line) -> None:
        """Give what a line wants, or note what is wrong with it."""
        self.report.lines += 1
        if isinstance(line.wanted, str):
            self.report.faults.append(Fault(line.number, line.wanted))
            return
        try:
            await self._give(change, line.wanted)
        except Refusal as refusal:
            self.report.faults.append(Fault(line.number, refusal.sentence))

    async def _give(self, change: Change, new: NewDelegation) -> None:
        consumer, supplier = number(new.consumer_orgno), number(new.supplier_orgno)
        what = [*new.scopes, *([] if new.package is None else [new.package])]
        if any(not text.fit(name) for name in (*what, new.purpose)):
            raise text.invalid("The line holds a character that cannot be kept")
        named = {hash((consumer, supplier, name)) for name in what}
        if not named.isdisjoint(self._named):
            raise text.invalid("An earlier line delegates one of these scopes between the same two")
        if await self._present(change, consumer, supplier, new):
            self.report.present += 1
        else:
            given = await delegations.give(
                change, self.actor, self.now, new=new, issuer=self.options.issuer, new_id=self.options.new_id
            )
            self.report.added += 1
            self.report.awaiting += given.status == "proposed"
        self._named |= named

    async def _present(self, change: Change, consumer: str, supplier: str, new: NewDelegation) -> bool:
        between = await change.get(Ref("delegations", consumer, supplier))
        return any(
            rules.is_live(found, self.now)
            and found.parent_id is None
            and found.package == new.package
            and (new.package is not None or found.scopes == frozenset(new.scopes))
            and new.valid_to in (None, found.valid_to)
            for found in (between if isinstance(between, tuple) else ())
        )


class _Remembering:
    """A transaction that reads what a chunk needs at once, reads nothing twice, and writes at the end.

    Under the registry's lock nobody else can change anything meanwhile.
    """

    def __init__(self, change: Change) -> None:
        self._change = change
        self._facts: dict[Ref, Fact] = {}
        self._indexes: list[int] = []
        self._new: list[Delegation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def look_ahead(self, chunk: Sequence[Line]) -> None:
        """Read what these lines name, as far as it can be known by name."""
        wanted = [line.wanted for line in chunk if isinstance(line.wanted, NewDelegation)]
        refs: set[Ref] = set()
        for each in wanted:
            consumer, supplier = each.consumer_orgno, each.supplier_orgno
            refs |= {Ref("organisation", consumer), Ref("organisation", supplier)}
            refs |= {Ref("delegations", consumer, supplier), *(Ref("scope", name) for name in each.scopes)}
        known = [ref for ref in refs if text.fit(ref.id) and text.fit(ref.other)]
        self._facts.update(await self._change.facts(known))
        self._indexes = list(await self._change.free_status_indexes(len(wanted)))

    async def get(self, ref: Ref) -> Fact:
        if ref not in self._facts:
            self._facts[ref] = await self._change.get(ref)
        return self._facts[ref]

    async def free_status_index(self) -> int:
        return self._indexes.pop()

    async def put(self, record: Delegation) -> None:
        before = self._facts.get(record.ref)
        self._facts[record.ref] = (*(before if isinstance(before, tuple) else ()), record)
        self._new.append(record)

    async def flush(self) -> None:
        """Write what was put."""
        await self._change.put_new(self._new)


async def exported(
    store: RegistryStore,
    actor: Actor,
    now: int,
    *,
    consumer_orgno: str | None = None,
    supplier_orgno: str | None = None,
    everything: bool = False,
) -> AsyncIterator[Delegation]:
    """Delegations by id, a page at a time: first delegations that are active, or `everything` there is.

    Raises Refusal INVALID for a number that is none.
    """
    window = Window(limit=MOST)
    while True:
        page = await delegations.page(
            store, actor, window=window, consumer_orgno=consumer_orgno, supplier_orgno=supplier_orgno
        )
        for found in page.items:
            if everything or (found.status_at(now) == "active" and found.parent_id is None):
                yield found
        if not page.next:
            return
        window = Window(page.next, MOST)


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, _CHUNK)):
        yield chunk
