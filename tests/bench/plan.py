"""What is measured: the cases, how long each runs, and which of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXPLANATION = ROOT / "docs" / "explanation"

OURS, OIDC_PROVIDER, AUTHLIB = "Tillit", "oidc-provider", "Authlib"
SQLITE, POSTGRESQL, POSTGRESQL_VALKEY = "SQLite", "PostgreSQL", "PostgreSQL + Valkey"
MEMORY, VALKEY = "memory", "Valkey"

# The profile that an assertion and a token belong to, and their algorithms.
STANDARD_RSA = ("standard", "RS256", "ES256")
STANDARD_EC = ("standard", "ES256", "ES256")
MASKINPORTEN = ("maskinporten", "RS256", "RS256")
PROFILES = (STANDARD_RSA, STANDARD_EC, MASKINPORTEN)


@dataclass(frozen=True, slots=True)
class Case:
    """One server in one set-up. `profile` is a profile of ours; a peer answers the same algorithms.

    `together`: server, stores and load share the server's cores, so that n cores stand for everything a token needs.
    """

    server: str
    profile: str
    assertion_alg: str
    token_alg: str
    store: str
    workers: int = 1
    delegated: bool = False
    together: bool = False

    @property
    def algorithms(self) -> str:
        """The algorithms of assertion and token, as a reader writes them."""
        return f"{self.assertion_alg} → {self.token_alg}"

    @property
    def title(self) -> str:
        """The whole case in one line."""
        workers = f", {self.workers} workers" if self.workers > 1 else ""
        others = f", all on {self.workers} core{'s' if self.workers > 1 else ''}" if self.together else ""
        delegated = ", delegated" if self.delegated else ""
        return f"{self.server}, {self.algorithms}, {self.store}{workers}{delegated}{others}"

    def document(self) -> dict[str, Any]:
        """The case as JSON holds it."""
        return asdict(self) | {"title": self.title}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure. `out` is the folder of the page, None when this run is too partial to be kept."""

    full: bool
    seconds: float
    runs: int
    connections: int
    only: str
    out: Path | None

    def cases(self) -> list[Case]:
        """The cases of this plan, those of one store beside each other."""
        every = [*(full_cases() if self.full else quick_cases()), *peer_cases(full=self.full)]
        return [case for case in every if self.only.lower() in case.title.lower()]


def from_environment(environ: Mapping[str, str]) -> Plan:
    """Read `BENCH`, `BENCH_SECONDS`, `BENCH_RUNS`, `BENCH_CONNECTIONS`, `BENCH_ONLY` and `BENCH_OUT`."""
    only = environ.get("BENCH_ONLY", "")
    out = environ.get("BENCH_OUT")
    return Plan(
        full=environ.get("BENCH") == "full",
        seconds=float(environ.get("BENCH_SECONDS", "5")),
        runs=int(environ.get("BENCH_RUNS", "3")),
        connections=int(environ.get("BENCH_CONNECTIONS", "16")),
        only=only,
        out=Path(out) if out else None if only else EXPLANATION,
    )


def quick_cases() -> Iterator[Case]:
    """Every store with the commonest algorithms, every algorithm on the store of production, and what else differs."""
    yield Case(OURS, *STANDARD_RSA, SQLITE)
    yield Case(OURS, *STANDARD_EC, SQLITE)
    yield Case(OURS, *STANDARD_RSA, POSTGRESQL)
    yield Case(OURS, *STANDARD_EC, POSTGRESQL)
    yield from (Case(OURS, *profile, POSTGRESQL_VALKEY) for profile in PROFILES)
    yield Case(OURS, *STANDARD_RSA, POSTGRESQL_VALKEY, delegated=True)
    yield from (Case(OURS, *STANDARD_RSA, POSTGRESQL_VALKEY, workers=workers, together=True) for workers in (1, 2))


def full_cases() -> Iterator[Case]:
    """Every combination."""
    stores = (SQLITE, POSTGRESQL, POSTGRESQL_VALKEY)
    for store, profile, workers, delegated in product(stores, PROFILES, (1, 2), (False, True)):
        yield Case(OURS, *profile, store, workers=workers, delegated=delegated)
    yield from (Case(OURS, *STANDARD_RSA, POSTGRESQL_VALKEY, workers=workers, together=True) for workers in (1, 2))


def peer_cases(*, full: bool) -> Iterator[Case]:
    """The peers: each algorithm in memory; over the network for the commonest, or for all in a full run."""
    yield from (Case(OIDC_PROVIDER, *profile, MEMORY) for profile in PROFILES)
    yield from (Case(OIDC_PROVIDER, *profile, VALKEY) for profile in (PROFILES if full else (STANDARD_RSA,)))
    yield from (Case(AUTHLIB, *profile, MEMORY) for profile in (PROFILES if full else (STANDARD_RSA, MASKINPORTEN)))


@cache
def cores() -> tuple[int, ...]:
    """The processor cores that this run may use: those it had when first asked, whatever it is pinned to since."""
    return tuple(sorted(os.sched_getaffinity(0)))


def server_cores(case: Case, every: tuple[int, ...]) -> frozenset[int]:
    """One core for each worker of the server under test."""
    return frozenset(every[: case.workers])


def other_cores(case: Case, every: tuple[int, ...]) -> frozenset[int]:
    """What the server leaves to load, database and Valkey; its own when all work together, or when it leaves none."""
    return server_cores(case, every) if case.together else frozenset(every[case.workers :] or every)
