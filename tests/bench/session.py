"""One run of the bench: every case on its store, one after the other, and what each came to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.bench import peer_servers
from tests.bench.assertions import Signers
from tests.bench.authority import set_up
from tests.bench.load import LoadError
from tests.bench.measure import Figures, Measurement
from tests.bench.plan import OURS, Case, Plan, cores, other_cores
from tests.bench.processes import pinned
from tests.bench.stores import open_store
from tests.bench.subject import NotRunError, Store, Subject

Tell = Callable[[Case, str], None]
Serve = Callable[[Case], AbstractContextManager[Subject]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a case came to: figures, or a sentence why there are none. `per_token` is what its store counted."""

    case: Case
    figures: Figures | None = None
    per_token: dict[str, float] = field(default_factory=dict)
    not_run: str | None = None
    failed: str | None = None

    def document(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        figures = None if self.figures is None else self.figures.document()
        outcome = {"figures": figures, "per_token": self.per_token, "not_run": self.not_run, "failed": self.failed}
        return {"case": self.case.document()} | outcome


def results(plan: Plan, tell: Tell) -> Iterator[Result]:
    """Measure the cases of a plan; those of one set-up share it. `tell` hears what is under way."""
    signers = Signers()
    try:
        for _, group in groupby(plan.cases(), _set_up_of):
            cases = list(group)
            with ExitStack() as stack:
                tell(cases[0], "set-up")
                try:
                    store, serve = _open(stack, cases)
                except RuntimeError as fault:
                    yield from (Result(case, failed=str(fault)) for case in cases)
                    continue
                for case in cases:
                    yield _result(case, store, serve, Measurement(case, plan, signers, partial(tell, case)))
    finally:
        signers.close()


def _set_up_of(case: Case) -> tuple[str, str, int, bool]:
    return case.server, case.store, case.workers, case.together


def _open(stack: ExitStack, cases: list[Case]) -> tuple[Store, Serve]:
    """Open the cases' store on the cores that the server will leave, and what serves them. Raises RuntimeError."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tillit-bench-")))
    with pinned(other_cores(cases[0], cores())):
        store = stack.enter_context(open_store(cases[0].store, directory))
    if cases[0].server == OURS:
        return store, set_up(directory, store, cases).serving
    return store, partial(peer_servers.serving, store, directory)


def _result(case: Case, store: Store, serve: Serve, measurement: Measurement) -> Result:
    before = store.counters()
    try:
        with serve(case) as subject:
            figures = measurement.take(subject)
    except NotRunError as reason:
        return Result(case, not_run=str(reason))
    except (LoadError, RuntimeError) as fault:
        return Result(case, failed=str(fault))
    # Read once the server is gone: PostgreSQL's sessions hand in their counts at the latest when they end.
    counted = {name: count - before[name] for name, count in store.counters().items()}
    unused = [name for name, count in counted.items() if count * measurement.connections < figures.tokens]
    if unused:
        # At most all requests in flight can share one round trip; fewer means that the store was passed by.
        return Result(case, not_run=f"the server does not use all of {case.store}: {', '.join(unused)} too few")
    return Result(case, figures, {name: count / figures.tokens for name, count in counted.items()})
