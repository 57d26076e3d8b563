"""What a run of `make bench-scale` leaves: tables in the terminal, and the page, the plot and the figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from rich.console import Console

from authserver.storage.snapshot import ABSENT_RECORDS, PRESENT_RECORDS
from tests.bench.report import drawn
from tests.bench.scale_outcome import LISTS, Outcome
from tests.bench.scale_plot import svg
from tests.bench.tables import Column, Table

_TEMPLATE = Path(__file__).parent / "scale.md.template"

_KINDS = (
    ("hot", "a hundred clients in use"),
    ("any", "any client"),
    ("great", "suppliers of everyone"),
    ("first", "clients not met before"),
)
_TOKENS = (
    ("alone_p50_ms", "p50 alone, ms", "{:.2f}"),
    ("loaded_p50_ms", "p50 under load, ms", "{:.2f}"),
    ("loaded_p99_ms", "p99 under load, ms", "{:.2f}"),
    ("tokens_per_second", "tokens/s under load", "{:,.0f}"),
    ("server_cpu_ms", "processor time of a token, ms", "{:.2f}"),
)
_NODES = (
    ("start_seconds", "start to ready, s", "{:.2f}"),
    ("start_cpu_seconds", "processor time of the start, s", "{:.2f}"),
    ("start_mib", "RSS after the start, MiB", "{:.0f}"),
    ("end_mib", "RSS after all tokens, MiB", "{:.0f}"),
    ("end_records", "records in the snapshot then", "{:,.0f}"),
)


def show(outcome: Outcome, console: Console) -> None:
    """Print every table."""
    for table in _tables(outcome).values():
        console.print(drawn(table))


def write(outcome: Outcome, folder: Path) -> Path:
    """Write the page `scale.md` and the folder `scale` beside it; return the page's path."""
    beside = folder / "scale"
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "latest.json").write_text(as_json(outcome), encoding="utf-8")
    (beside / "cost.svg").write_text(svg(outcome), encoding="utf-8")
    page = folder / "scale.md"
    page.write_text(_page(outcome), encoding="utf-8")
    return page


def as_json(outcome: Outcome) -> str:
    """The run as one JSON document."""
    return json.dumps(outcome.document(), indent=1, ensure_ascii=False) + "\n"


def _page(outcome: Outcome) -> str:
    machine, counts = outcome.machine, outcome.large.sized.registry.counts()
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        {name: table.markdown() for name, table in _tables(outcome).items()},
        taken_at=outcome.taken_at,
        runs=outcome.runs,
        largest=", ".join(f"{counts[noun]:,} {noun}" for noun in ("clients", "organisations", "scopes", "delegations")),
        small=f"{outcome.small.clients:,}",
        large=f"{outcome.large.clients:,}",
        scale=f"{outcome.large.clients / 1_000_000:g}",
        present=f"{PRESENT_RECORDS:,}",
        absent=f"{ABSENT_RECORDS:,}",
        machine=(
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory, "
            f"Linux {machine['kernel']}, {machine['fsync_ms']:.2f} ms for an fsync of 4 KiB, "
            f"load average {machine['load_average_before']} before the run"
        ),
        versions="\n".join(f"- {name} {version}" for name, version in outcome.versions.items()),
    )


def _tables(outcome: Outcome) -> dict[str, Table]:
    tokens = [(f"{kind}_{name}", f"{who}: {text}", form) for kind, who in _KINDS for name, text, form in _TOKENS]
    lists = [(name, name.removeprefix(LISTS), "{:.1f}") for name in outcome.lists()]
    revocations = [(name, name, "{:.1f}") for name in ("revoke an access", "revoke a delegation")]
    return {
        "sizes": _sizes(outcome),
        "aims": _aims(outcome),
        "tokens": _figures("Tokens", outcome, tokens),
        "nodes": _figures("Nodes", outcome, _NODES),
        "memory": _memory(outcome),
        "lists": _figures("Lists, ms", outcome, lists),
        "revocations": _figures("Revocations, ms", outcome, revocations),
    }


def _figures(title: str, outcome: Outcome, figures: Iterable[tuple[str, str, str]]) -> Table:
    """One row for each figure: its median at each size, and the largest in figures of the smallest."""
    rows = [
        [text, *(form.format(size.median(name)) for size in outcome.sizes), f"{outcome.ratio(name):.2f}"]
        for name, text, form in figures
    ]
    sizes = [Column(f"{size.clients:,}") for size in outcome.sizes]
    return Table(title, [Column("clients", number=False), *sizes, Column("ratio")], rows)


def _sizes(outcome: Outcome) -> Table:
    rows: list[Sequence[str]] = []
    for size in outcome.sizes:
        counts = [f"{count:,}" for count in size.sized.registry.counts().values()]
        rows.append([*counts, f"{size.database_mib:,.0f}", f"{size.fill_seconds:,.0f}"])
    headings = ("clients", "organisations", "scopes", "delegations", "changes on record", "database MiB", "filled in s")
    return Table("Registries", [Column(heading) for heading in headings], rows)


def _memory(outcome: Outcome) -> Table:
    rows = [[f"{s['clients']:,}", f"{s['records']:,}", f"{s['resident_mib']:.0f}"] for s in outcome.memory]
    return Table("A snapshot that fills up", [Column("clients met"), Column("records held"), Column("RSS MiB")], rows)


def _aims(outcome: Outcome) -> Table:
    rows = []
    for aim in outcome.aims():
        measured = (
            "" if aim.measured is None else f"{aim.measured:,.4g}" if aim.measured < 1_000 else f"{aim.measured:,.0f}"
        )
        rows.append([aim.text, f"≤ {aim.bound:,}", measured, aim.verdict])
    columns = (Column("", number=False), Column("aim"), Column("measured"), Column("", number=False))
    return Table("Aims", columns, rows)
