"""The plot: one bar for each case, in SVG that reads on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from tests.bench.measure import Figures
from tests.bench.outcome import Outcome
from tests.bench.plan import OURS, Case

_WIDTH, _LABEL, _VALUE = 860, 330, 90
_BAR, _GAP, _HEADING = 18, 8, 34

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .heading { font-weight: 600; }
  .ours { fill: #1a7f64; } .peer { fill: #8c959f; }
  .span { stroke: #1f2328; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .ours { fill: #3fb68b; } .peer { fill: #6e7681; } .span { stroke: #e6edf3; }
  }
"""


def svg(outcome: Outcome) -> str:
    """Draw the median of tokens a second for each case, with a line from the least to the greatest run."""
    measured = [(result.case, result.figures) for result in outcome.results if result.figures is not None]
    scale = (_WIDTH - _LABEL - _VALUE) / max((f.span("tokens_per_second")[1] for _, f in measured), default=1.0)
    parts: list[str] = []
    height = 0
    ordered = sorted(measured, key=lambda item: (item[0].algorithms, -item[1].median("tokens_per_second")))
    for algorithms, group in groupby(ordered, lambda item: item[0].algorithms):
        height += _HEADING
        parts.append(f'<text class="heading" x="0" y="{height - 10}">{algorithms}</text>')
        for case, figures in group:
            parts.extend(_bar(case, figures, height, scale))
            height += _BAR + _GAP
    title = "Tokens a second for each server, grouped by algorithms: median of the runs, least to greatest as a line"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + _GAP}" role="img">'
    return "\n".join([head, f"<title>{title}</title>", f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _bar(case: Case, figures: Figures, y: int, scale: float) -> Iterator[str]:
    median = figures.median("tokens_per_second")
    least, greatest = (_LABEL + value * scale for value in figures.span("tokens_per_second"))
    kind = "ours" if case.server == OURS else "peer"
    middle = y + _BAR / 2
    yield f'<text x="{_LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(_label(case))}</text>'
    yield f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{median * scale:.1f}" height="{_BAR}" rx="2"/>'
    yield f'<line class="span" x1="{least:.1f}" x2="{greatest:.1f}" y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{max(greatest, _LABEL + median * scale) + 6:.1f}" y="{y + 13}">{median:,.0f}</text>'


def _label(case: Case) -> str:
    workers = f", {case.workers} workers" if case.workers > 1 else ""
    return f"{case.server}, {case.store}{workers}{', delegated' if case.delegated else ''}"
