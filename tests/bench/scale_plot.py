"""The plot: what each figure becomes as the registry grows, in figures of the smallest registry."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tests.bench.scale_outcome import LISTS, Outcome

_WIDTH, _HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 330, 40, 46
_LABEL_GAP = 18
# Powers of two on the vertical axis: at least from a half to the double, so that noise does not fill the picture.
_LEAST, _GREATEST = -1, 1

_LINES = (
    ("hot_alone_p50_ms", "token, clients in use: p50 alone"),
    ("hot_loaded_p50_ms", "token, clients in use: p50 under load"),
    ("any_alone_p50_ms", "token, any client: p50 alone"),
    ("any_loaded_p50_ms", "token, any client: p50 under load"),
    ("first_alone_p50_ms", "token, first of a client: p50 alone"),
    ("start_seconds", "start to ready"),
    (f"{LISTS}clients, a page", "a page of clients"),
    (f"{LISTS}delegations to the supplier of everyone, a page", "a page of a great supplier's delegations"),
    ("revoke a delegation", "revocation of a delegation"),
)
_COLOURS = ("#1a7f64", "#3fb68b", "#9a3b26", "#e07a5f", "#7b5ea7", "#6e7681", "#2f6fb7", "#c99700", "#b8468f")

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .grid { stroke: #8c959f; stroke-opacity: 0.35; }
  polyline { fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
"""


def svg(outcome: Outcome) -> str:
    """Draw a line for each figure over the number of clients, both axes logarithmic."""
    ratios = [[math.log2(outcome.ratio(name, size)) for size in outcome.sizes] for name, _ in _LINES]
    least = min(_LEAST, math.floor(min(map(min, ratios))))
    greatest = max(_GREATEST, math.ceil(max(map(max, ratios))))
    xs = _across(outcome)

    def down(power: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (greatest - power) / (greatest - least)

    parts = [f'<text x="0" y="18">times the registry of {outcome.small.clients:,} clients</text>']
    for power in range(least, greatest + 1):
        y = down(power)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{2.0**power:g}</text>')
    for x, size in zip(xs, outcome.sizes, strict=True):
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{size.clients:,}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">clients</text>')
    parts.extend(_drawn(xs, [[down(power) for power in line] for line in ratios]))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    title = "What each figure becomes as the registry grows, in figures of the smallest registry"
    return "\n".join([head, f"<title>{title}</title>", f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _across(outcome: Outcome) -> list[float]:
    """Where each size stands on the horizontal axis."""
    least, greatest = math.log10(outcome.small.clients), math.log10(outcome.large.clients)
    width = _WIDTH - _LEFT - _RIGHT
    return [_LEFT + width * (math.log10(size.clients) - least) / (greatest - least) for size in outcome.sizes]


def _drawn(xs: list[float], lines: list[list[float]]) -> Iterator[str]:
    """Each line, and its name beside its end, moved down where names would meet."""
    taken = 0.0
    for place in sorted(range(len(lines)), key=lambda place: lines[place][-1]):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, lines[place], strict=True))
        yield f'<polyline points="{points}" stroke="{_COLOURS[place]}"/>'
        taken = max(lines[place][-1], taken + _LABEL_GAP)
        yield f'<rect x="{xs[-1] + 10:.1f}" y="{taken - 5:.1f}" width="10" height="10" fill="{_COLOURS[place]}"/>'
        yield f'<text x="{xs[-1] + 26:.1f}" y="{taken + 4:.1f}">{_LINES[place][1]}</text>'
