"""A finished run: its results, and each figure as a ratio to the floor and to oidc-provider in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.bench.measure import Figures
from tests.bench.plan import (
    MASKINPORTEN,
    MEMORY,
    OIDC_PROVIDER,
    OURS,
    POSTGRESQL_VALKEY,
    STANDARD_EC,
    STANDARD_RSA,
    Case,
)
from tests.bench.session import Result


@dataclass(frozen=True, slots=True)
class Aim:
    """A ratio that the project promised. `measured` is None when a case that it needs has no figures."""

    text: str
    bound: float
    measured: float | None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """What came of it, in a word or two."""
        if self.measured is None:
            return "not measured"
        return "reached" if (self.measured <= self.bound) == self.at_most or self.measured == self.bound else "missed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one run found. `floor` is what `floor.measure` returned."""

    taken_at: str
    plan: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    floor: dict[str, Any]
    results: list[Result]

    def to_floor(self, case: Case, figures: Figures) -> float:
        """Tokens a second and core, 1 being what the signatures alone allow one core."""
        floor: float = self.floor["tokens_per_second"][case.algorithms]
        return figures.median("tokens_per_second") / case.workers / floor

    def to_peer(self, case: Case, figures: Figures) -> float | None:
        """Tokens a second and core, 1 being oidc-provider in memory with the same algorithms in this run."""
        peer = self._figures(Case(OIDC_PROVIDER, case.profile, case.assertion_alg, case.token_alg, MEMORY))
        if peer is None:
            return None
        return figures.median("tokens_per_second") / case.workers / peer.median("tokens_per_second")

    def aims(self) -> Iterator[Aim]:
        """The promised ratios, all with PostgreSQL and Valkey, replay refused and every decision on record."""
        rsa, ec, mixed = (Case(OURS, *p, POSTGRESQL_VALKEY) for p in (MASKINPORTEN, STANDARD_EC, STANDARD_RSA))
        yield Aim("RS256 → ES256, times oidc-provider in memory", 3.0, self._over_peer(mixed))
        yield Aim("RS256 → ES256, share of the floor", round(1 / 6, 3), self._over_floor(mixed))
        yield Aim("ES256 → ES256, times oidc-provider in memory", 2.5, self._over_peer(ec))
        yield Aim("RS256 → RS256, share of what the RSA signature alone allows", 0.8, self._over_rsa(rsa))
        yield Aim("RS256 → ES256, all on two cores with two workers, times all on one", 1.7, self._two_over_one(mixed))
        yield Aim("RS256 → ES256, p99 at half load, times p50 when idle", 10, self._half_over_idle(mixed), at_most=True)

    def document(self) -> dict[str, Any]:
        """The run as JSON holds it, ratios included."""
        return {
            "taken_at": self.taken_at,
            "plan": self.plan,
            "machine": self.machine,
            "versions": self.versions,
            "floor": self.floor,
            "aims": [
                {"text": a.text, "bound": a.bound, "at_most": a.at_most, "measured": a.measured, "verdict": a.verdict}
                for a in self.aims()
            ],
            "results": [result.document() | {"ratios": self._ratios(result)} for result in self.results],
        }

    def _ratios(self, result: Result) -> dict[str, float | None]:
        if result.figures is None:
            return {}
        of = (result.case, result.figures)
        return {"to_floor": self.to_floor(*of), "to_oidc_provider_in_memory": self.to_peer(*of)}

    def _figures(self, case: Case) -> Figures | None:
        return next((result.figures for result in self.results if result.case == case), None)

    def _over_peer(self, case: Case) -> float | None:
        figures = self._figures(case)
        return None if figures is None else self.to_peer(case, figures)

    def _over_floor(self, case: Case) -> float | None:
        figures = self._figures(case)
        return None if figures is None else self.to_floor(case, figures)

    def _over_rsa(self, case: Case) -> float | None:
        figures = self._figures(case)
        microseconds: float = self.floor["microseconds"]["sign RS256"]
        return None if figures is None else figures.median("tokens_per_second") * microseconds / 1e6

    def _two_over_one(self, case: Case) -> float | None:
        one, two = (self._figures(replace(case, workers=workers, together=True)) for workers in (1, 2))
        if one is None or two is None:
            return None
        return two.median("tokens_per_second") / one.median("tokens_per_second")

    def _half_over_idle(self, case: Case) -> float | None:
        figures = self._figures(case)
        return None if figures is None else figures.half_load_p99_ms / figures.idle_p50_ms
