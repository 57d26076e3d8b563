"""The import of delegations: the rules of one given alone, every fault told by its line, begun again without harm."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from authserver.oauth.errors import Refusal
from authserver.oauth.models import Delegation
from authserver.registry import delegation_import, delegations, organisations, scopes
from authserver.registry.delegation_import import Fault, ImportOptions, ImportReport, Line, exported, import_delegations
from authserver.registry.delegations import NewDelegation
from authserver.registry.ports import RegistryStore
from tests.registry.conftest import CONSUMER, ISSUER, NOW, OPERATOR, OWNER, SUPPLIER, acting, scope, snapshot

WANTED = NewDelegation(CONSUMER, SUPPLIER, ["nav:read"])
YEAR = 365 * 86_400


@pytest.fixture
def ids() -> Iterator[str]:
    """New ids."""
    return (f"d{number}" for number in itertools.count())


async def take(
    store: RegistryStore, ids: Iterator[str], *wanted: NewDelegation | str, rehearsal: bool = False
) -> ImportReport:
    """Import as the operator."""
    lines = [Line(number, each) for number, each in enumerate(wanted, 2)]
    return await import_delegations(
        store, OPERATOR, NOW, lines, ImportOptions(ISSUER, lambda: next(ids), rehearsal=rehearsal)
    )


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Return lines, added, present and faulty."""
    return report.lines, report.added, report.present, len(report.faults)


async def test_what_is_imported_is_what_would_be_given_alone(store: RegistryStore, ids: Iterator[str]) -> None:
    """A line makes the very delegation that its consumer's own call makes."""
    assert counts(await take(store, ids, WANTED)) == (1, 1, 0, 0)
    (made,) = await delegations.listed(store, OPERATOR)
    assert (made.status, made.valid_to, made.scopes) == ("active", NOW + YEAR, frozenset({"nav:read"}))
    assert made.status_index is not None
    assert [step.what for step in made.steps] == ["accepted"]


async def test_begun_again_it_changes_nothing(store: RegistryStore, ids: Iterator[str]) -> None:
    """A line whose delegation is there is counted as present, also when it names the same end."""
    await take(store, ids, WANTED)
    before = await snapshot(store)
    same_end = NewDelegation(CONSUMER, SUPPLIER, ["nav:read"], NOW + YEAR)
    for again in (WANTED, same_end):
        assert counts(await take(store, ids, again)) == (1, 0, 1, 0)
    assert await snapshot(store) == before


async def test_another_end_is_not_the_same(store: RegistryStore, ids: Iterator[str]) -> None:
    """A delegation of the same scopes to another second contradicts the line, and is named in its fault."""
    await take(store, ids, WANTED)
    report = await take(store, ids, NewDelegation(CONSUMER, SUPPLIER, ["nav:read"], NOW + 60))
    assert counts(report) == (1, 0, 0, 1)
    assert "d0" in report.faults[0].sentence


async def test_every_fault_is_told_by_its_line_and_keeps_no_other_back(
    store: RegistryStore, ids: Iterator[str]
) -> None:
    """Lines that break a rule are listed by number with the rule's own sentence; the others are given."""
    unknown = NewDelegation(CONSUMER, SUPPLIER, ["nav:nothing"])
    to_itself = NewDelegation(CONSUMER, CONSUMER, ["nav:read"])
    endless = NewDelegation(OWNER, SUPPLIER, ["nav:read"], NOW + 100 * YEAR)
    no_number = NewDelegation("12", SUPPLIER, ["nav:read"])
    nul = NewDelegation(CONSUMER, SUPPLIER, ["nav:\0"])
    report = await take(store, ids, unknown, WANTED, "unreadable", to_itself, endless, no_number, nul)
    assert counts(report) == (7, 1, 0, 6)
    assert [fault.line for fault in report.faults] == [2, 4, 5, 6, 7, 8]
    assert report.faults[1] == Fault(4, "unreadable")
    with pytest.raises(Refusal) as alone:
        await delegations.add(store, OPERATOR, NOW, new=to_itself, issuer=ISSUER, new_id=lambda: "x")
    assert report.faults[2].sentence == alone.value.sentence


async def test_a_rehearsal_tells_the_same_and_changes_nothing(store: RegistryStore, ids: Iterator[str]) -> None:
    """What a rehearsal counts and faults is what the import then does, also where lines contradict each other."""
    before = await snapshot(store)
    wanted = (WANTED, WANTED, NewDelegation(OWNER, SUPPLIER, ["nav:read"]), "unreadable")
    told = await take(store, ids, *wanted, rehearsal=True)
    assert await snapshot(store) == before
    done = await take(store, ids, *wanted)
    assert told == done
    assert counts(done) == (4, 2, 0, 2)


async def test_chunks_are_committed_one_by_one(
    store: RegistryStore, ids: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given before an interruption stays, and the next run does the rest."""
    monkeypatch.setattr(delegation_import, "_CHUNK", 2)
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:write", delegation_source=ISSUER))
    await scopes.add(store, OPERATOR, NOW, scope=scope("nav:own", delegation_source=ISSUER))
    wanted = [NewDelegation(CONSUMER, SUPPLIER, [name]) for name in ("nav:read", "nav:write", "nav:own")]

    def interrupted() -> Iterator[Line]:
        yield from (Line(number, each) for number, each in enumerate(wanted[:2]))
        raise OSError("the disk went away")

    options = ImportOptions(ISSUER, lambda: next(ids))
    with pytest.raises(OSError, match="went away"):
        await import_delegations(store, OPERATOR, NOW, interrupted(), options)
    assert len(await delegations.listed(store, OPERATOR)) == 2
    assert counts(await take(store, ids, *wanted)) == (3, 1, 2, 0)


async def test_an_organisation_imports_what_is_its_own_to_give(store: RegistryStore, ids: Iterator[str]) -> None:
    """A line on behalf of another consumer is refused as if there were no such organisation."""
    other = NewDelegation(OWNER, SUPPLIER, ["nav:read"])
    lines = [Line(1, WANTED), Line(2, other)]
    options = ImportOptions(ISSUER, lambda: next(ids))
    report = await import_delegations(store, acting(CONSUMER), NOW, lines, options)
    assert (report.added, [fault.line for fault in report.faults]) == (1, [2])


async def test_a_deactivated_party_is_found_at_its_line(store: RegistryStore, ids: Iterator[str]) -> None:
    """What is remembered within a chunk is what the registry says, not what an earlier line hoped."""
    await organisations.set_active(store, OPERATOR, NOW, orgno=SUPPLIER, active=False)
    report = await take(store, ids, WANTED, NewDelegation(OWNER, SUPPLIER, ["nav:read"]))
    assert counts(report) == (2, 0, 0, 2)


async def test_an_export_has_what_is_active_unless_all_is_wanted(store: RegistryStore, ids: Iterator[str]) -> None:
    """Revoked delegations are left out, and by party everything that is not its own."""
    await take(store, ids, WANTED, NewDelegation(OWNER, SUPPLIER, ["nav:read"]))
    await delegations.revoke(store, OPERATOR, NOW, delegation_id="d1")

    async def found(**chosen: bool | str) -> list[Delegation]:
        return [each async for each in exported(store, OPERATOR, NOW, **chosen)]  # type: ignore[arg-type]

    assert [each.id for each in await found()] == ["d0"]
    assert [each.id for each in await found(everything=True)] == ["d0", "d1"]
    assert await found(consumer_orgno=OWNER) == []
