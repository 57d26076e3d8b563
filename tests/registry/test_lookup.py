"""Which delegations another authority is told of, and that it is never told of half of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pytest

from authserver.oauth.models import Delegation, Facts, Ref
from authserver.registry.administration import Caller
from authserver.registry.lookup import ASK_ALL, MOST, MalformedLookupError, Question, look_up
from authserver.registry.ports import Actor
from tests.support.build import CONSUMER, ISSUER, NOW, OWNER, SCOPE, SUPPLIER, make_delegation, make_scope, policy

pytestmark = pytest.mark.anyio

CALLER = Caller(Actor("organisation", SUPPLIER, "client"), frozenset({ASK_ALL}))
BETWEEN = Question(SCOPE, CONSUMER, SUPPLIER)


@dataclass
class Held:
    """Delegations at rest: as many as it is told to, up to what is asked for."""

    count: int

    async def of_scope(
        self, scope: str, now: int, most: int, *, consumer_orgno: str | None, supplier_orgno: str | None
    ) -> Sequence[Delegation]:
        assert (scope, now) == (SCOPE, NOW)
        return [make_delegation(id=f"d-{number}") for number in range(min(self.count, most))]


async def told(facts: Facts, asked: Question = BETWEEN, held: int = 0) -> list[str]:
    """The ids that somebody who may ask about everything is told."""

    async def read(refs: Collection[Ref]) -> Facts:
        return {ref: facts.get(ref) for ref in refs}

    found = await look_up(Held(held), read, CALLER, NOW, asked=asked, issuer=ISSUER)
    return [one.id for one in found]


@pytest.mark.parametrize(
    "changed",
    [
        make_delegation(status="proposed"),
        make_delegation(status="suspended"),
        make_delegation(status="declined"),
        make_delegation(status="revoked"),
        make_delegation(valid_from=NOW + 1),
        make_delegation(valid_to=NOW),
        make_delegation(scopes=frozenset({"tax:other"})),
        make_delegation(parent_id="d-0", delegator_orgno=OWNER, depth=1),
    ],
)
async def test_only_what_the_consumer_gave_and_what_holds_now_is_told(changed: Delegation) -> None:
    """What is not active, not in its dates, of another scope or handed on by a supplier is not told."""
    assert await told(policy()) == ["d-1"]
    assert await told(policy(changed)) == []


async def test_a_supplier_that_the_owner_does_not_list_is_not_told() -> None:
    """The owner's list narrows at once what other authorities rely on, as it does here."""
    assert await told(policy(make_scope(delegation_suppliers=(SUPPLIER,)))) == ["d-1"]
    assert await told(policy(make_scope(delegation_suppliers=(OWNER,)))) == []


async def test_a_scope_that_another_register_proves_is_not_told() -> None:
    """We answer for our own register alone."""
    assert await told(policy(make_scope(delegation_source="https://b.example/"))) == []
    assert await told(policy(replace(make_scope(), delegation_source=None))) == []


async def test_more_than_fit_in_an_answer_are_refused_and_not_cut_off() -> None:
    """The answer has no pages: one row too many asks for a narrower question, and never looks like all there is."""
    everybody = Question(SCOPE, None, None)
    assert len(await told(policy(), everybody, held=MOST)) == MOST
    with pytest.raises(MalformedLookupError) as raised:
        await told(policy(), everybody, held=MOST + 1)
    assert list(raised.value.faults) == ["supplierOrg"]
