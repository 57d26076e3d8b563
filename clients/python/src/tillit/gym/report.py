"""The report card: for people, for programs, and as a page that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, Final

from tillit.gym.advice import advice_for
from tillit.gym.exercises import Grade
from tillit.gym.trial import Result

GRADES: Final[tuple[tuple[Grade, str], ...]] = (
    ("A", "keeps attackers out"),
    ("B", "keeps the second line"),
    ("C", "answers as clients expect"),
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;"
    "border-bottom:1px solid #ccc;vertical-align:top}.bad{color:#a4001d;font-weight:600}.good{color:#005a2b}"
)


def document(address: str, results: Sequence[Result]) -> dict[str, Any]:
    """The report as JSON holds it: a score for each grade, and every result, misses with advice."""
    return {
        "address": address,
        "sound": all(one.good for one in results if one.grade != "C"),
        "grades": {grade: {"good": good, "of": of} for grade, _, good, of in _scores(results)},
        "results": [_told(one) for one in results],
    }


def as_text(address: str, results: Sequence[Result]) -> str:
    """The report for a terminal, without colour."""
    lines = [address, ""]
    lines += [f"  {grade}  {good:>2} of {of:<2}  {what}" for grade, what, good, of in _scores(results)]
    for one in (one for one in results if not one.good):
        advice = advice_for(one.name, one.grade)
        lines += [
            "",
            f"{one.grade}  {one.name}: {one.fault}",
            f"   {advice.gains} ({advice.clause})",
            f"   {advice.mend}",
        ]
    sound = all(one.good for one in results if one.grade != "C")
    return "\n".join([*lines, "", "Nothing wrong was let in." if sound else "Wrong tokens were let in.", ""])


def as_html(address: str, results: Sequence[Result]) -> str:
    """The report as one page without script, to be opened from a file or kept."""
    scores = "".join(f"<tr><td>{g}<td>{good} of {of}<td>{escape(what)}" for g, what, good, of in _scores(results))
    rows = "".join(_row(one) for one in results)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Report card of {escape(address)}</title>"
        f"<style>{_STYLE}</style><h1>Report card</h1><p>{escape(address)}"
        f"<table><tr><th>grade<th>good<th>what it is about{scores}</table><h2>Exercises</h2>"
        f"<table><tr><th>grade<th>exercise<th>status<th>verdict{rows}</table></html>\n"
    )


def _row(one: Result) -> str:
    verdict = "<span class=good>good</span>"
    if not one.good:
        advice = advice_for(one.name, one.grade)
        verdict = (
            f"<span class=bad>{escape(one.fault)}</span><br>{escape(advice.gains)}"
            f" <em>{escape(advice.clause)}</em><br>{escape(advice.mend)}"
        )
    return f"<tr><td>{one.grade}<td>{escape(one.name)}<td>{one.status or ''}<td>{verdict}"


def _told(one: Result) -> dict[str, Any]:
    told = asdict(one) | {"good": one.good}
    return told if one.good else told | {"advice": asdict(advice_for(one.name, one.grade))}


def _scores(results: Sequence[Result]) -> Iterator[tuple[Grade, str, int, int]]:
    for grade, what in GRADES:
        of = [one for one in results if one.grade == grade]
        yield grade, what, sum(one.good for one in of), len(of)
