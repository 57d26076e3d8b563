"""The cost model computes what it says, from what a real node was seen to cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.bench.costs_meter import Reading
from tests.bench.costs_model import HEADROOM, Model, Point, bottlenecks, per_token, sizing
from tests.bench.plan import ROOT


def model() -> Model:
    """A model of round figures: 1 ms of a node's core for each token, and so on."""
    costs = {field.name: 0.0 for field in fields(Reading)}
    costs |= {"server_cpu": 1e-3, "postgresql_cpu": 1e-4, "valkey_cpu": 1e-5, "wal_bytes": 1000.0}
    costs |= {"table_bytes": 500.0, "commits": 0.1, "valkey_memory": 100.0}
    point = Point("70% of it", 1000, 700.0, 5.0, 9.0, Reading(**costs), 800, 1000)
    return Model([point], point, resident_mib=100.0, remembered_seconds=100.0)


def test_sizing_follows_from_the_costs() -> None:
    """Cores carry headroom; bytes, memory and network are in proportion to the rate."""
    rows = {row[0]: row[1:] for row in sizing(model()).rows}
    at_thousand = {name: cells[1] for name, cells in rows.items()}
    assert HEADROOM == 0.7
    assert at_thousand["cores for nodes"] == "2"
    assert at_thousand["memory of the nodes, GiB"] == "0.2"
    assert at_thousand["cores for PostgreSQL"] == "0.14"
    assert at_thousand["commits/s"] == "100"
    assert at_thousand["WAL, MB/s"] == "1.0"
    assert at_thousand["tables and indexes, GB/day"] == "43.2"
    assert at_thousand["memory of Valkey, MiB"] == "10"
    assert at_thousand["network in, Mbit/s"] == "6.4"
    assert rows["cores for nodes"][3] == "143"


def test_what_is_full_first_comes_first() -> None:
    """Parts stand in the order in which growing load fills them, each with its rate."""
    rates = [(row[0].split()[0], row[1]) for row in bottlenecks(model()).rows]
    assert [rate for _, rate in rates] == ["1,000", "100,000", "320,000", "500,000"]


def test_what_was_not_measured_is_not_shown_as_nothing() -> None:
    """A counter that could not be read is said to be absent."""
    rows = {row[0]: row[1] for row in per_token(model()).rows}
    assert rows["bytes to and from PostgreSQL"] == "not measured"
    assert rows["node, CPU ms"] == "1.000"


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")
def test_a_node_is_measured_part_by_part(tmp_path: Path) -> None:
    """A short run against PostgreSQL and Valkey leaves a page, and what each part spent on a token."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.costs", "--json"],
        cwd=ROOT,
        env=os.environ | {"BENCH_SECONDS": "0.5", "BENCH_OUT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "performance" / "costs.json").read_text())
    for point in document["model"]["points"]:
        assert point["per_token"]["decisions"] == 1
        assert point["per_token"]["wal_bytes"] > 0
        assert point["per_token"]["valkey_commands"] > 0
    assert "100,000" in (tmp_path / "cost-model.md").read_text()
