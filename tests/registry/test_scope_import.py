"""The import of scope records: all or nothing, the same again, every fault told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver.oauth.errors import Reason, Refusal
from authserver.registry import organisations, prefixes, scopes
from authserver.registry.ports import RegistryStore
from authserver.registry.scope_import import ImportOptions, ImportReport, import_scopes
from authserver.registry.scope_records import parse_document
from tests.registry.conftest import CONSUMER, ISSUER, NOW, OPERATOR, OWNER, acting, scope, snapshot

CATALOGUE = Path(__file__).parents[2] / "authserver/cli/data/altinn-scopes.json"
PLAIN = ImportOptions()
SKIP = ImportOptions(skip_faulty=True)


def record(name: Any = "new:a", **members: Any) -> dict[str, Any]:
    """Return a record of a scope of the owner's."""
    return {"name": name, "owner_orgno": OWNER, **members}


async def load(store: RegistryStore, records: list[Any], options: ImportOptions = PLAIN) -> ImportReport:
    """Import as the operator."""
    return await import_scopes(store, OPERATOR, NOW, records, options)


async def test_the_real_catalogue_is_imported_once(bare: RegistryStore) -> None:
    """The public scope list makes its owner, its prefix and its scopes; the second run changes nothing."""
    records = parse_document(CATALOGUE.read_bytes())
    options = ImportOptions(owner_names={"991825827": "Digdir"})
    first = await load(bare, records, options)
    assert (first.applied, first.organisations_added, first.prefixes_added, first.scopes_added) == (True, 1, 1, 65)
    after = await snapshot(bare)
    second = await load(bare, records, options)
    assert (second.scopes_unchanged, second.scopes_added + second.scopes_changed) == (65, 0)
    assert await snapshot(bare) == after
    assert [row.name for row in await bare.organisations()] == ["Digdir"]


async def test_no_member_of_a_record_is_lost(bare: RegistryStore) -> None:
    """What a record says beyond the scope's terms is kept as it was said."""
    records = parse_document(CATALOGUE.read_bytes())
    await load(bare, records)
    kept = {row.name: row for row in await bare.scopes()}
    terms = {"name", "prefix", "subscope", "owner_orgno", "active", "allowed_integration_types", "visibility"}
    terms |= {"accessible_for_all", "delegation_source"}
    for original in records:
        row = kept[original["name"]]
        assert dict(row.attributes) == {name: value for name, value in original.items() if name not in terms}
        assert list(row.allowed_integration_types) == original["allowed_integration_types"]
        assert row.delegation_source == original.get("delegation_source")


async def test_delegable_here_takes_over_what_another_register_proves(bare: RegistryStore) -> None:
    """Only scopes that name a delegation source get this authority as theirs."""
    records = [record("new:a", delegation_source="https://other.example/"), record("new:b")]
    await load(bare, records, ImportOptions(delegable_here=ISSUER))
    assert [row.delegation_source for row in await bare.scopes()] == [ISSUER, None]


async def test_one_faulty_record_stops_the_import(store: RegistryStore) -> None:
    """Nothing is imported when a record is faulty, and every fault is told by index."""
    before = await snapshot(store)
    records = [record("new:a"), record("NEW:b"), record("new:c", owner_orgno="1"), record("new:d")]
    report = await load(store, records)
    assert not report.applied
    assert [(fault.index, fault.name) for fault in report.faults] == [(1, ""), (2, "new:c")]
    assert (report.records, report.scopes_added, report.prefixes_added) == (4, 0, 0)
    assert await snapshot(store) == before


async def test_the_others_are_imported_when_faulty_ones_are_skipped(store: RegistryStore) -> None:
    """Skipping leaves out the faulty records and what only they needed."""
    report = await load(store, [record("new:a"), record("bad:b", at_max_age="x"), record("new:c")], SKIP)
    assert (report.applied, report.scopes_added, len(report.faults)) == (True, 2, 1)
    assert [row.prefix for row in await store.prefixes()] == ["nav", "new"]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "new:a",
        {},
        record(name=None),
        record(owner_orgno=None),
        record(owner_orgno=889640782),
        record(prefix="other"),
        record(prefix=[]),
        record(subscope="b"),
        record(active="true"),
        record(accessible_for_all=1),
        record(at_max_age=True),
        record(at_max_age=-1),
        record(at_max_age=1.5),
        record(allowed_integration_types="maskinporten"),
        record(allowed_integration_types=[1]),
        record(allowed_integration_types=["other"]),
        record(visibility="SECRET"),
        record(delegation_source="altinn"),
        record(description=["x"]),
        record(extra="\x00"),
        record(extra="\ud800"),
        record(extra=[[[[[[[[[]]]]]]]]]),
        record(extra=10**30),
        {**record(), "\x00": 1},
    ],
)
async def test_a_broken_record_is_a_fault(store: RegistryStore, broken: Any) -> None:
    """A record of a wrong shape is told, with its index, and stops nothing else when skipped."""
    report = await load(store, [broken, record("new:z")], SKIP)
    assert [fault.index for fault in report.faults] == [0]
    assert [row.name for row in await store.scopes("new")] == ["new:z"]


async def test_null_says_the_default(store: RegistryStore) -> None:
    """A term that is null is as it would be in a new scope; one that is left out stays as it is."""
    stated = record(description="x", accessible_for_all=True, at_max_age=60, audience="https://api.example/", extra=1)
    await load(store, [stated])
    (before,) = await store.scopes("new")
    report = await load(store, [record()])
    assert report.scopes_unchanged == 1
    assert list(await store.scopes("new")) == [before]
    await load(store, [record(description=None, accessible_for_all=None, at_max_age=None, audience=None)])
    (after,) = await store.scopes("new")
    assert (after.description, after.accessible_for_all, after.max_age, after.audience) == ("", False, 0, None)
    assert dict(after.attributes) == {"extra": 1}


async def test_a_longer_life_than_tokens_have_is_kept_but_not_given(store: RegistryStore) -> None:
    """A life above the ceiling is cut to it, and the record's own word is kept for round trips."""
    await load(store, [record(at_max_age=7200)])
    (row,) = await store.scopes("new")
    assert (row.max_age, dict(row.attributes)) == (3600, {"at_max_age": 7200})


async def test_what_is_deactivated_here_stays_so(store: RegistryStore) -> None:
    """An import never reactivates; it does deactivate what the list says is inactive."""
    await load(store, [record("new:a"), record("new:b")])
    await scopes.set_active(store, OPERATOR, NOW, name="new:a", active=False)
    report = await load(store, [record("new:a", active=True), record("new:b", active=False)])
    assert (report.scopes_kept_inactive, report.scopes_changed) == (1, 1)
    assert [row.active for row in await store.scopes("new")] == [False, False]


async def test_records_must_fit_what_is_registered(store: RegistryStore) -> None:
    """A prefix of another owner, a deactivated prefix or owner, and a scope named twice are faults."""
    report = await load(store, [record("nav:x", owner_orgno=CONSUMER)])
    assert "another organisation" in report.faults[0].sentence
    report = await load(store, [record("new:a"), record("new:a")])
    assert [fault.index for fault in report.faults] == [1]
    report = await load(store, [record("new:a"), record("new:b", owner_orgno=CONSUMER)])
    assert [fault.index for fault in report.faults] == [1]
    await prefixes.set_active(store, OPERATOR, NOW, prefix="nav", active=False)
    assert not (await load(store, [record("nav:x")])).applied
    await organisations.set_active(store, OPERATOR, NOW, orgno=OWNER, active=False)
    assert not (await load(store, [record("new:x")])).applied


async def test_an_organisation_imports_only_its_own(store: RegistryStore) -> None:
    """An owner may import scopes under its prefix, and neither take a new prefix nor touch another owner's."""
    assert (await import_scopes(store, acting(OWNER), NOW, [record("nav:x")], PLAIN)).applied
    for foreign in (record("new:x"), record("con:x", owner_orgno=CONSUMER)):
        assert not (await import_scopes(store, acting(OWNER), NOW, [foreign], PLAIN)).applied
    assert [row.prefix for row in await store.prefixes()] == ["nav"]


async def test_a_bad_owner_name_refuses_the_import(bare: RegistryStore) -> None:
    """A name that cannot be kept is refused before anything is read."""
    with pytest.raises(Refusal) as refused:
        await load(bare, [record()], ImportOptions(owner_names={OWNER: "\x1b"}))
    assert refused.value.reason is Reason.INVALID


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[", b"\xff", b"[NaN]", b'[{"a":1,"a":2}]', b"[" * 100_000, b"[" + b"9" * 10_000 + b"]"]
)
def test_a_document_is_one_array_of_strict_json(data: bytes) -> None:
    """Whatever is no array of strict JSON is refused in a sentence, however it is broken."""
    with pytest.raises(Refusal) as refused:
        parse_document(data)
    assert refused.value.reason is Reason.INVALID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = ("name", "prefix", "subscope", "owner_orgno", "active", "description", "at_max_age", "visibility", "extra")
BROKEN = JSON | st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([{}, record("new:a"), record("new:b"), record("nav:read")]),
    st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3),
)


@given(records=st.lists(BROKEN, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_record_breaks_the_import(store: RegistryStore, records: list[Any]) -> None:
    """Whatever the records are: all is imported or nothing is, skipping imports the rest, and again changes nothing."""
    before = await snapshot(store)
    whole = await load(store, records)
    assert whole.applied == (not whole.faults)
    if not whole.applied:
        assert await snapshot(store) == before
    skipped = await load(store, records, SKIP)
    assert skipped.applied
    assert [fault.index for fault in skipped.faults] == [fault.index for fault in whole.faults]
    after = await snapshot(store)
    again = await load(store, records, SKIP)
    assert again.scopes_added + again.scopes_changed + again.prefixes_added + again.organisations_added == 0
    assert await snapshot(store) == after


async def test_an_import_is_one_change(store: RegistryStore, new_id: Callable[[], str]) -> None:
    """All records of an import take effect under one policy epoch."""
    start = await store.epoch()  # type: ignore[attr-defined]
    await load(store, [record(f"new:{number}") for number in range(9)])
    assert await store.epoch() == start + 1  # type: ignore[attr-defined]


async def test_what_was_listed_can_be_imported_elsewhere(store: RegistryStore) -> None:
    """The documents of a list are records of an import, term for term."""
    from authserver.cli import documents

    asked = scope("nav:full", audience="https://api.example/", token_profile="standard", max_age=60, description="x")
    await scopes.add(store, OPERATOR, NOW, scope=asked)
    listed = json.loads(json.dumps([documents.scope(row) for row in await store.scopes()]))
    report = await load(store, listed)
    assert (report.scopes_unchanged, report.scopes_changed) == (2, 0)
