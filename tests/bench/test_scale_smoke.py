"""The bench of size works, and the registry that it makes up is one that the authority could have made itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from authserver.oauth import jwk, orgno
from authserver.oauth.models import Client, Delegation, Organisation, Record
from authserver.storage import rows
from tests.bench.plan import ROOT
from tests.bench.scale_fill import rows_of_sector
from tests.bench.scale_registry import RECORDS, Registry, asked_scope, consumer_of, organisation

REGISTRY = Registry(2, "http://authority.test/")


def of_type(kind: type[Record], sector: int = 1) -> list[Record]:
    return [record for record in REGISTRY.records(sector) if type(record) is kind]


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")
def test_the_bench_compares_two_sizes_and_keeps_its_figures(tmp_path: Path) -> None:
    """A run over 1,000 and 2,000 clients gets nothing but tokens, and leaves a page, a plot and its figures."""
    short = {"BENCH_SCALE": "0.002", "BENCH_RUNS": "1", "BENCH_REQUESTS": "0.3"}
    environ = os.environ | short | {"BENCH_OUT": str(tmp_path)}
    command = [sys.executable, "-m", "tests.bench.scale", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "scale" / "latest.json").read_text())
    assert json.loads(done.stdout) == document
    small, large = document["sizes"]
    assert (small["delegations"], large["delegations"]) == (10_000, 20_000)
    assert large["median"]["end_records"] > small["median"]["end_records"] > 1_000
    assert document["memory"][-1]["records"] > 2_000
    assert "2,000" in (tmp_path / "scale.md").read_text()
    assert "2,000" in (tmp_path / "scale" / "cost.svg").read_text()


def test_a_sector_holds_what_it_says() -> None:
    """A sector has the number of records that the change log is numbered by, and no two of the same name."""
    names = [record.id if isinstance(record, Delegation) else record.ref for record in REGISTRY.records(1)]
    assert len(names) == RECORDS
    assert len(set(names)) == RECORDS


def test_organisation_numbers_are_valid_and_distinct() -> None:
    """Each organisation has a number of its own that passes the check of its last digit."""
    numbers = [record.orgno for record in of_type(Organisation) if isinstance(record, Organisation)]
    assert len(set(numbers)) == 100
    assert [orgno.parse(number) for number in numbers] == numbers


def test_keys_are_stored_as_intake_stores_them() -> None:
    """The JWK and thumbprint of a client's key are those that the intake of keys makes of it."""
    client = REGISTRY.client(1_234)
    (key,) = client.keys.values()
    accepted = jwk.accept(json.loads(key.jwk), kid=key.kid)
    assert (accepted.alg, accepted.jwk, accepted.thumbprint) == (key.alg, key.jwk, key.thumbprint)


def test_whom_a_client_acts_for_has_delegated_to_it() -> None:
    """The consumer that a client names has a delegation of the asked scope to the client's organisation."""
    given = {
        (record.consumer_orgno, record.supplier_orgno, scope)
        for record in of_type(Delegation)
        if isinstance(record, Delegation)
        for scope in record.scopes
    }
    for number, client in enumerate(of_type(Client), 1_000):
        assert isinstance(client, Client)
        assert (consumer_of(number), client.orgno, asked_scope(number)) in given


def test_ten_suppliers_act_for_every_organisation() -> None:
    """The first ten organisations hold a delegation from everyone but themselves."""
    delegations = [record for record in of_type(Delegation) if isinstance(record, Delegation)]
    for great in map(organisation, range(10)):
        assert len([found for found in delegations if found.supplier_orgno == great]) == 100


def test_delegations_are_copied_as_storage_would_write_them() -> None:
    """The rows of delegations, and what the change log tells of them, are what storage makes of the same records."""
    made = rows_of_sector(REGISTRY, 1)
    delegations = of_type(Delegation)
    assert made["delegations"] == [rows.row_of(record) for record in delegations]
    told = [row["after"] for row in made["registry_changes"] if row["kind"] == "delegations"]
    assert told == [rows.logged(record) for record in delegations]
