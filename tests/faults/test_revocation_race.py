"""P3 raced on two nodes: what begins after a revocation has been answered gets no token, and a grant works at once."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter

import pytest

from tests.faults.load import Attempt, Load
from tests.faults.site import Site, until
from tests.hostile.test_at_once import Mandate, mandate
from tests.support.keys import make_key
from tests.support.registrar import Registrar

REVOCATIONS = int(os.environ.get("BENCH_REVOCATIONS", "100"))
SUBJECTS_OF_A_KIND = 4
JUDGED = 3
HOPS = ("first hop", "second hop", "last hop")
KINDS = {
    "access": "MP-250",
    "delegation": "MP-251",
    **dict.fromkeys(HOPS, "MP-251"),
    "key": "AS-103",
    "client": "AS-101",
    "organisation": "AS-207",
}

Window = tuple[float, float, str]
"""From when to when a subject was granted, or refused with this code."""

BEFORE_ALL: Window = (0.0, 0.0, "")

pytestmark = pytest.mark.timeout(300 + REVOCATIONS)


@dataclass(eq=False)
class Subject:
    """One mandate from which one thing is taken again and again. After a key comes another."""

    kind: str
    given: Mandate

    def revoke(self, registry: Registrar) -> None:
        """Take it away."""
        given = self.given
        match self.kind:
            case "access":
                registry.revoke(given.scope, given.consumer)
            case "delegation" | "first hop" | "second hop" | "last hop":
                registry.revoke_delegation(given.delegation)
            case "key":
                registry.remove_key(given.client)
            case "client":
                registry.set_client(given.client, active=False)
            case _:
                registry.set_organisation(given.consumer, active=False)

    def restore(self, registry: Registrar) -> None:
        """Give it back, or another in its place."""
        given = self.given
        match self.kind:
            case "access":
                registry.grant(given.scope, given.consumer)
            case "delegation":
                renewed = registry.delegate(given.consumer, given.client.orgno, given.scope)
                self.given = replace(given, delegation=renewed)
            case "first hop" | "second hop" | "last hop":
                self.given = replace(given, delegation=hop(registry, self.kind, given))
            case "key":
                key = make_key("ES256")
                registry.add_key(given.client, key)
                self.given = replace(given, client=replace(given.client, key=key))
            case "client":
                registry.set_client(given.client, active=True)
            case _:
                registry.set_organisation(given.consumer, active=True)


def chained(registry: Registrar, kind: str) -> Mandate:
    """A mandate that was handed on twice before it reached the client; `delegation` is the hop of this kind."""
    scope, consumer = registry.scope(delegable=True, redelegation_depth=2), registry.organisation()
    registry.grant(scope, consumer)
    given = Mandate(registry.client(scope), consumer, "")
    return replace(given, delegation=hop(registry, kind, given))


def hop(registry: Registrar, kind: str, given: Mandate) -> str:
    """Lead a new chain of delegations to the client, by way of two new suppliers; return the hop of this kind."""
    suppliers = [registry.organisation(), registry.organisation()]
    first = registry.delegate(given.consumer, suppliers[0], given.scope)
    second = registry.hand_on(first, suppliers[1])
    return dict(zip(HOPS, (first, second, registry.hand_on(second, given.client.orgno)), strict=True))[kind]


@contextmanager
def hammered(site: Site, subject: list[Subject]) -> Iterator[Load]:
    """Clients at both nodes that ask for whatever subject stands in the list; each attempt names it and its key."""

    def choose() -> tuple[tuple[Subject, str], dict[str, str]]:
        given = subject[0].given
        return (subject[0], given.client.key.kid), given.client.form(consumer_org=given.consumer)

    load = Load(site.ports, choose)
    try:
        yield load
    finally:
        load.stop()


def test_no_request_that_begins_after_a_revocation_gets_a_token(whole: Site, report: Callable[[str], None]) -> None:
    """Revoked and granted again under load at two nodes: not one token while revoked, not one refusal while granted."""
    registry = whole.nodes[0].registry
    subjects = [
        Subject(kind, chained(registry, kind) if kind in HOPS else mandate(registry))
        for kind in KINDS
        for _ in range(SUBJECTS_OF_A_KIND)
    ]
    under_way = [subjects[0]]
    windows: defaultdict[tuple[Subject, str], list[Window]] = defaultdict(list)
    taken: list[float] = []
    with hammered(whole, under_way) as load:
        for number in range(REVOCATIONS):
            subject = subjects[number % len(subjects)]
            name = (subject, subject.given.client.key.kid)
            granted = time.monotonic()
            under_way[0] = subject
            wait_for(load, name, granted)
            asked = time.monotonic()
            windows[name].append((granted, asked, ""))
            subject.revoke(registry)
            revoked = time.monotonic()
            taken.append(revoked - asked)
            wait_for(load, name, revoked)
            windows[name].append((revoked, time.monotonic(), KINDS[subject.kind]))
            subject.restore(registry)
    verdicts: Counter[str] = Counter()
    for attempt in load.attempts:
        _, end, code = window_of(attempt, windows[attempt.subject])
        if attempt.ended < end:
            assert (attempt.code or attempt.status) == (code or 200)
            verdicts["refused" if code else "issued"] += 1
    assert verdicts["refused"] >= REVOCATIONS * JUDGED
    assert verdicts["issued"] >= REVOCATIONS * JUDGED
    assert whole.unrecorded(load.held) == set()
    report(
        f"{REVOCATIONS} revocations; begun and ended while revoked: {verdicts['refused']}, all refused; while granted:"
        f" {verdicts['issued']}, all issued; a revocation took {sorted(taken)[len(taken) // 2] * 1000:.0f} ms (median)"
    )


def window_of(attempt: Attempt, windows: list[Window]) -> Window:
    """The last of these windows, which follow one another, to open before the attempt began."""
    place = bisect_left(windows, attempt.began, key=itemgetter(0))
    return windows[place - 1] if place else BEFORE_ALL


def wait_for(load: Load, name: tuple[Subject, str], since: float) -> None:
    """Return when some requests for this subject, begun since, have ended."""

    def is_one(attempt: Attempt) -> bool:
        return bool(attempt.subject == name) and attempt.began > since

    load.until(is_one, JUDGED, since=max(len(load.attempts) - 1, 0))


def test_a_crash_between_commit_and_announcement_is_repaired(whole: Site, report: Callable[[str], None]) -> None:
    """A revocation that was committed and never announced takes effect on every node by itself."""
    given = mandate(whole.nodes[0].registry)
    silent = Registrar(replace(whole.nodes[0].settings, redis_url=None))
    try:
        form = {"consumer_org": given.consumer}
        assert {node.token(given.client, **form).status for node in whole.nodes} == {200}
        silent.revoke(given.scope, given.consumer)
        began = time.monotonic()
        for node in whole.nodes:
            for _ in range(20):
                until(lambda node=node: node.token(given.client, **form).code == "MP-250")  # type: ignore[misc]
        report(f"effective everywhere {time.monotonic() - began:.2f} s after the commit")
    finally:
        silent.close()
