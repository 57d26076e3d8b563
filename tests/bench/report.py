"""What a run leaves: tables in the terminal, and the page, the plot and the figures in the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from rich.console import Console
from rich.table import Table as Drawn

from tests.bench import tables
from tests.bench.outcome import Outcome
from tests.bench.plot import svg
from tests.bench.tables import Table

_TEMPLATE = Path(__file__).parent / "performance.md.template"


def show(outcome: Outcome, console: Console) -> None:
    """Print what was asked first: throughput, the floor and the aims; and a sentence for each case without figures."""
    for table in (tables.throughput(outcome), tables.floor(outcome), tables.aims(outcome)):
        console.print(drawn(table))
    for sentence in tables.without_figures(outcome):
        console.print(sentence, markup=False, highlight=False)


def write(outcome: Outcome, folder: Path) -> Path:
    """Write the page `performance.md` and the folder `performance` beside it; return the page's path."""
    beside = folder / "performance"
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "latest.json").write_text(as_json(outcome), encoding="utf-8")
    (beside / "tokens.svg").write_text(svg(outcome), encoding="utf-8")
    page = folder / "performance.md"
    page.write_text(_page(outcome), encoding="utf-8")
    return page


def as_json(outcome: Outcome) -> str:
    """The run as one JSON document."""
    return json.dumps(outcome.document(), indent=1, ensure_ascii=False) + "\n"


def _page(outcome: Outcome) -> str:
    machine = outcome.machine
    missing = tables.without_figures(outcome)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        throughput=tables.throughput(outcome).markdown(),
        cost=tables.cost(outcome).markdown(),
        floor=tables.floor(outcome).markdown(),
        two_cores=tables.two_cores(outcome),
        aims=tables.aims(outcome).markdown(),
        missing="\n".join(["", *(f"- {sentence}" for sentence in missing), ""]) if missing else "",
        taken_at=outcome.taken_at,
        seconds=f"{outcome.plan['seconds']:g}",
        runs=outcome.plan["runs"],
        connections=outcome.plan["connections"],
        machine=(
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory, "
            f"Linux {machine['kernel']}, {machine['fsync_ms']:.2f} ms for an fsync of 4 KiB, "
            f"load average {machine['load_average_before']} before the first case"
        ),
        versions="\n".join(f"- {name} {version}" for name, version in outcome.versions.items()),
    )


def drawn(table: Table) -> Drawn:
    """The table as a terminal shows it."""
    shown = Drawn(title=table.title, title_justify="left")
    for column in table.columns:
        shown.add_column(column.heading, justify="right" if column.number else "left", no_wrap=column.number)
    for row in table.rows:
        shown.add_row(*row)
    return shown
