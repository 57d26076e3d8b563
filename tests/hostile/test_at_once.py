"""P3: a request that begins after a revocation has been answered is refused; a grant works at once, too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.hostile.crowd import Crowd, burst, on_the_wire
from tests.support.authority import ROOT, Authority
from tests.support.registrar import RegisteredClient, Registrar

BURST = 16


@dataclass(frozen=True)
class Mandate:
    """A supplier's client that holds a token's worth of everything there is to take away."""

    client: RegisteredClient
    consumer: str
    delegation: str

    @property
    def scope(self) -> str:
        """Its one scope."""
        return self.client.scopes[0]


def mandate(registry: Registrar) -> Mandate:
    """Register owner, consumer, supplier, scope, access, client and delegation."""
    scope, consumer = registry.scope(delegable=True), registry.organisation()
    registry.grant(scope, consumer)
    client = registry.client(scope)
    return Mandate(client, consumer, registry.delegate(consumer, client.orgno, scope))


def delegate_again(registry: Registrar, given: Mandate) -> None:
    """A revoked delegation stays revoked; a new one takes its place."""
    registry.delegate(given.consumer, given.client.orgno, given.scope)


Act = Callable[[Registrar, Mandate], None]
REVOCATIONS: dict[str, tuple[Act, str, Act | None]] = {
    "key": (lambda r, m: r.remove_key(m.client), "AS-103", None),
    "client": (
        lambda r, m: r.set_client(m.client, active=False),
        "AS-101",
        lambda r, m: r.set_client(m.client, active=True),
    ),
    "access": (lambda r, m: r.revoke(m.scope, m.consumer), "MP-250", lambda r, m: r.grant(m.scope, m.consumer)),
    "delegation": (
        lambda r, m: r.revoke_delegation(m.delegation),
        "MP-251",
        delegate_again,
    ),
    "supplier": (
        lambda r, m: r.set_organisation(m.client.orgno, active=False),
        "AS-207",
        lambda r, m: r.set_organisation(m.client.orgno, active=True),
    ),
    "consumer": (
        lambda r, m: r.set_organisation(m.consumer, active=False),
        "AS-207",
        lambda r, m: r.set_organisation(m.consumer, active=True),
    ),
    "owner": (
        lambda r, m: r.set_organisation(r.owner(m.scope), active=False),
        "AS-207",
        lambda r, m: r.set_organisation(r.owner(m.scope), active=True),
    ),
    "scope": (
        lambda r, m: r.set_scope(m.scope, active=False),
        "AS-203",
        lambda r, m: r.set_scope(m.scope, active=True),
    ),
    "prefix": (
        lambda r, m: r.set_prefix(m.scope.partition(":")[0], active=False),
        "AS-203",
        lambda r, m: r.set_prefix(m.scope.partition(":")[0], active=True),
    ),
}
"""By what is revoked: how, the code that every later request gets, and how it is given back, None if never."""


def ask(authority: Authority, given: Mandate) -> set[str]:
    """Ask over many connections at once, so that every worker is asked; return the codes, `issued` for a token."""
    forms = [given.client.form(consumer_org=given.consumer) for _ in range(BURST)]
    return {answer.code or "issued" for answer in burst([(authority.port, on_the_wire(form)) for form in forms])}


@pytest.mark.parametrize("kind", REVOCATIONS)
def test_a_revocation_and_a_grant_take_effect_at_once(authority: Authority, kind: str) -> None:
    """Whatever is taken away by another process refuses the very next request at every worker, and back again."""
    revoke, code, restore = REVOCATIONS[kind]
    given = mandate(authority.registry)
    assert ask(authority, given) == {"issued"}
    revoke(authority.registry, given)
    assert ask(authority, given) == {code}
    if restore is not None:
        restore(authority.registry, given)
        assert ask(authority, given) == {"issued"}


@pytest.mark.parametrize("kind", ["key", "client", "access", "delegation"])
def test_under_load_no_request_that_begins_later_gets_a_token(authority: Authority, kind: str) -> None:
    """A crowd asks without pause: what began after the revocation had returned is refused, without one exception."""
    revoke, code, _ = REVOCATIONS[kind]
    given = mandate(authority.registry)
    crowd = Crowd(authority.port, given.client, claims={"consumer_org": given.consumer})
    try:
        crowd.wait_for_more(200)
        revoke(authority.registry, given)
        revoked = time.monotonic()
        crowd.wait_for(lambda asked: sum(each.began > revoked for each in asked) >= 20)
    finally:
        asked = crowd.stop()
    assert {each.code for each in asked if each.began > revoked} == {code}
    assert {each.code or "issued" for each in asked if each.began <= revoked} <= {"issued", code}


def test_the_command_line_revokes_at_once_too(authority: Authority) -> None:
    """The operator's verb has taken effect when it returns."""
    client = authority.registry.granted_client()
    assert authority.token(client).status == 200
    verb = [sys.executable, "-m", "authserver", "client", "disable", client.id]
    subprocess.run(verb, env=authority.environment(), cwd=ROOT, check=True, capture_output=True)
    assert authority.token(client).refusal == (400, "invalid_grant", "AS-101")


def test_what_a_node_has_never_seen_is_known_at_once(authority: Authority) -> None:
    """A client that was refused as unknown a moment ago gets its token as soon as it is registered."""
    scope = authority.registry.scope(accessible_for_all=True)
    model = authority.registry.client(scope)
    later = f"{model.id}-later"
    assert authority.token(model, iss=later).code == "MP-100"
    made = authority.registry.client(scope, client_id=later)
    assert authority.token(made).status == 200
