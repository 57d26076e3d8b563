"""The tables of a run, as rows of text: the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.measure import Figures
from tests.bench.outcome import Outcome
from tests.bench.plan import Case


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and whether numbers stand under it."""

    heading: str
    number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table as Markdown, without its title."""
        heading = "| " + " | ".join(column.heading for column in self.columns) + " |"
        rule = "|" + "|".join("--:" if column.number else "---" for column in self.columns) + "|"
        return "\n".join([heading, rule, *("| " + " | ".join(row) + " |" for row in self.rows)])


_CASE = Column("case", number=False)


def throughput(outcome: Outcome) -> Table:
    """Tokens a second of every case that has figures, the ratios, and what a token costs the server."""
    headings = ("tokens/s", "least", "most", "of floor", "of oidc-provider", "p50 ms", "p99 ms", "CPU ms")
    rows = []
    for case, figures in _measured(outcome):
        least, most = figures.span("tokens_per_second")
        peer = outcome.to_peer(case, figures)
        rows.append(
            [
                case.title,
                f"{figures.median('tokens_per_second'):,.0f}",
                f"{least:,.0f}",
                f"{most:,.0f}",
                f"{outcome.to_floor(case, figures):.0%}",
                "" if peer is None else f"{peer:.2f}",
                f"{figures.median('p50_ms'):.1f}",
                f"{figures.median('p99_ms'):.1f}",
                f"{figures.median('server_cpu_ms'):.2f}",
            ]
        )
    return Table("Tokens a second at full load", [_CASE, *map(Column, headings)], rows)


def cost(outcome: Outcome) -> Table:
    """What a token costs beside the server's processor time, and the latency of a server that is not overloaded."""
    headings = ("idle p50 ms", "half load p99 ms", "RSS MiB", "server busy", "load and store busy", "store CPU ms")
    rows = []
    for case, figures in _measured(outcome):
        counted = next(result.per_token for result in outcome.results if result.case == case)
        rows.append(
            [
                case.title,
                f"{figures.idle_p50_ms:.2f}",
                f"{figures.half_load_p99_ms:.2f}",
                f"{figures.resident_mib:.0f}",
                f"{figures.median('server_busy'):.0%}",
                f"{figures.median('load_busy') + figures.median('store_busy'):.0%}",
                f"{figures.median('store_cpu_ms'):.2f}" if counted else "",
                *(f"{counted[name]:.2f}" if name in counted else "" for name in ("commits", "valkey_reads")),
            ]
        )
    return Table("What a token costs", [_CASE, *map(Column, (*headings, "commits", "Valkey reads"))], rows)


def floor(outcome: Outcome) -> Table:
    """The signatures alone, on one core."""
    costs = outcome.floor["microseconds"]
    rows = [
        [algorithms, *(f"{costs[name]:.1f}" for name in _operations(algorithms)), f"{rate:,.0f}"]
        for algorithms, rate in outcome.floor["tokens_per_second"].items()
    ]
    headings = map(Column, ("verify µs", "sign µs", "tokens/s at most"))
    return Table("The floor: signatures alone, one core", [Column("assertion → token", number=False), *headings], rows)


def two_cores(outcome: Outcome) -> str:
    """A sentence on what a second core of this machine is worth."""
    ratio = outcome.floor["two_cores_over_one"]
    if ratio is None:
        return "There is one core here."
    return f"Two processes on two cores of this machine make {ratio:.2f} times the signatures that one makes on one."


def aims(outcome: Outcome) -> Table:
    """What was promised, and what came of it."""
    rows = [
        [
            aim.text,
            f"{'≤' if aim.at_most else '≥'} {aim.bound:g}",
            "" if aim.measured is None else f"{aim.measured:.2f}",
            aim.verdict,
        ]
        for aim in outcome.aims()
    ]
    columns = (Column("ratio", number=False), Column("aim"), Column("measured"), Column("", number=False))
    return Table("Aims, on PostgreSQL + Valkey", columns, rows)


def without_figures(outcome: Outcome) -> list[str]:
    """A sentence for each case that has no figures."""
    sentences = []
    for result in outcome.results:
        if result.not_run is not None:
            sentences.append(f"{result.case.title}: not run: {result.not_run}.")
        if result.failed is not None:
            sentences.append(f"{result.case.title}: failed: {result.failed}")
    return sentences


def _measured(outcome: Outcome) -> Iterator[tuple[Case, Figures]]:
    return ((result.case, result.figures) for result in outcome.results if result.figures is not None)


def _operations(algorithms: str) -> tuple[str, str]:
    assertion, _, token = algorithms.partition(" → ")
    return f"verify {assertion}", f"sign {token}"
