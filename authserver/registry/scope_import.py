"""The import of scope records: owners, prefixes and scopes in one transaction, or nothing; done again, no change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Organisation, Prefix, Ref, Scope
from authserver.registry import rights, text
from authserver.registry.ports import Actor, Change, RegistryStore
from authserver.registry.scope_records import ScopeRecord, parse, shown_name


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import. `delegable_here` names this authority's issuer: scopes that name any delegation source use it.

    `owner_names` gives names to organisations that the import must register; one without is named by its number.
    """

    skip_faulty: bool = False
    delegable_here: str | None = None
    owner_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the record at `index`, counted from 0; `name` is its scope if that is well formed."""

    index: int
    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or, when not `applied`, why it did nothing. `scopes_kept_inactive` are among the others."""

    applied: bool
    records: int
    organisations_added: int
    prefixes_added: int
    scopes_added: int
    scopes_changed: int
    scopes_unchanged: int
    scopes_kept_inactive: int
    faults: tuple[Fault, ...]


class _FaultyError(Exception):
    """Leaves the transaction uncommitted."""


async def import_scopes(
    store: RegistryStore, actor: Actor, now: int, records: Iterable[object], options: ImportOptions
) -> ImportReport:
    """Register the scopes of all records with their prefixes and owners, in one transaction.

    With any faulty record nothing is imported, unless `skip_faulty`; every fault is reported. A scope that is
    deactivated here stays so. Raises Refusal INVALID for an owner name that cannot be kept.
    """
    for name in options.owner_names.values():
        text.line(name, "name of an owner", required=True)
    tally = _Tally()
    try:
        async with rights.change(store, actor, now, "import of scope records") as change:
            await _Import(change, actor, options, tally).take_all(records)
    except _FaultyError:
        return _report(_Tally(tally.records, tally.faults), applied=False)
    return _report(tally, applied=True)


@dataclass(slots=True)
class _Tally:
    records: int = 0
    faults: list[Fault] = field(default_factory=list)
    organisations: int = 0
    prefixes: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_inactive: int = 0


@dataclass(slots=True)
class _Import:
    """One import under way: its transaction, and what it has met so far."""

    change: Change
    actor: Actor
    options: ImportOptions
    tally: _Tally
    seen: set[str] = field(default_factory=set)
    ready: set[Ref] = field(default_factory=set)

    async def take_all(self, records: Iterable[object]) -> None:
        """Import every record, or note its fault. Raises _FaultyError at the end if faults forbid the import."""
        for index, record in enumerate(records):
            self.tally.records = index + 1
            try:
                await self.take(record)
            except Refusal as refusal:
                self.tally.faults.append(Fault(index, shown_name(record), refusal.sentence))
        if self.tally.faults and not self.options.skip_faulty:
            raise _FaultyError

    async def take(self, raw: object) -> None:
        """Import one record; everything is judged before anything is put. Raises Refusal."""
        record = parse(raw)
        if record.name in self.seen:
            raise text.invalid("An earlier record names the same scope")
        self.seen.add(record.name)
        owner = await self._owner(record)
        prefix = await self._prefix(record)
        present = await self.change.get(Ref("scope", record.name))
        wanted = self._delegable_here(record).applied_to(present if isinstance(present, Scope) else None)
        if owner is not None:
            await self.change.put(owner)
            self.tally.organisations += 1
        if prefix is not None:
            await self.change.put(prefix)
            self.tally.prefixes += 1
        self.ready |= {Ref("organisation", record.owner_orgno), Ref("prefix", record.prefix, record.owner_orgno)}
        await self._put(record, wanted, present)

    async def _put(self, record: ScopeRecord, wanted: Scope, present: object) -> None:
        if present is None:
            self.tally.added += 1
        elif wanted == present:
            self.tally.unchanged += 1
        else:
            self.tally.changed += 1
        self.tally.kept_inactive += record.terms.get("active", True) and not wanted.active
        if wanted != present:
            await self.change.put(wanted)

    async def _owner(self, record: ScopeRecord) -> Organisation | None:
        """Return the organisation to register, None if it is there. Raises Refusal."""
        rights.own(self.actor, "organisation", record.owner_orgno)
        ref = Ref("organisation", record.owner_orgno)
        if ref in self.ready:
            return None
        if await self.change.get(ref) is None:
            return Organisation(
                record.owner_orgno, self.options.owner_names.get(record.owner_orgno, record.owner_orgno)
            )
        await rights.organisation(self.change, record.owner_orgno)
        return None

    async def _prefix(self, record: ScopeRecord) -> Prefix | None:
        """Return the prefix to register, None if it is there and the owner's. Raises Refusal."""
        if Ref("prefix", record.prefix, record.owner_orgno) in self.ready:
            return None
        present = await self.change.get(Ref("prefix", record.prefix))
        if not isinstance(present, Prefix):
            rights.operator(self.actor)
            return Prefix(record.prefix, record.owner_orgno)
        if present.owner_orgno != record.owner_orgno:
            raise Refusal(Reason.CONFLICT, value="The prefix belongs to another organisation than the record says")
        if not present.active:
            raise Refusal(Reason.CONFLICT, value=f"The prefix {present.prefix} is deactivated; reactivate it first")
        return None

    def _delegable_here(self, record: ScopeRecord) -> ScopeRecord:
        if self.options.delegable_here is None or record.terms.get("delegation_source") is None:
            return record
        terms = {**record.terms, "delegation_source": self.options.delegable_here}
        return ScopeRecord(record.name, record.prefix, record.owner_orgno, terms, record.attributes)


def _report(tally: _Tally, *, applied: bool) -> ImportReport:
    return ImportReport(
        applied=applied,
        records=tally.records,
        organisations_added=tally.organisations,
        prefixes_added=tally.prefixes,
        scopes_added=tally.added,
        scopes_changed=tally.changed,
        scopes_unchanged=tally.unchanged,
        scopes_kept_inactive=tally.kept_inactive,
        faults=tuple(tally.faults),
    )
