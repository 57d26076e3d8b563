"""A token by virtue of a delegation that was handed on: every hop is looked up, and every hop counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authserver.oauth.errors import Reason
from authserver.oauth.models import Delegation, Organisation, Record
from authserver.oauth.request import TokenRequest
from tests.support.build import (
    CONSUMER,
    SUPPLIER,
    make_assertion,
    make_client,
    make_delegation,
    make_request,
    make_scope,
    refuses,
)
from tests.support.fakes import Authority, make_authority

pytestmark = pytest.mark.anyio

HANDS = (SUPPLIER, "310000009", "310000017", "310000025")


def chain(hops: int) -> list[Delegation]:
    """The consumer's delegation to the first supplier, handed on so many times."""
    made = [make_delegation()]
    for depth in range(1, hops + 1):
        above = made[-1]
        made.append(
            replace(
                above,
                id=f"d-{depth + 1}",
                supplier_orgno=HANDS[depth],
                parent_id=above.id,
                delegator_orgno=above.supplier_orgno,
                depth=depth,
            )
        )
    return made


def authority(hops: list[Delegation]) -> Authority:
    """An authority with these hops, whose last supplier has the client."""
    last = hops[-1].supplier_orgno
    suppliers: list[Record] = [Organisation(orgno, f"Organisation {orgno}") for orgno in HANDS]
    return make_authority(make_client(orgno=last), make_scope(redelegation_depth=3), *suppliers, *hops)


def request() -> TokenRequest:
    """A request on the consumer's behalf."""
    return make_request(make_assertion(in_claims={"consumer_org": CONSUMER}))


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_a_chain_within_the_owners_depth_gets_a_token_that_shows_it(hops: int) -> None:
    """Each hop is looked up, stands in the token from the first supplier to the caller, and on record."""
    made = authority(chain(hops))
    await made.token(request())
    ((claims, _, _),) = made.pen.signed
    assert [each["ID"] for each in claims["delegation_chain"]] == [f"0192:{orgno}" for orgno in HANDS[: hops + 1]]
    (decision,) = made.record.committed
    assert {f"d-{number}" for number in range(1, hops + 2)} == set(decision.delegation_id.split(" "))


@pytest.mark.parametrize("cut", range(3))
async def test_a_hop_that_is_revoked_cuts_what_hangs_on_it(cut: int) -> None:
    """Revoking any hop above refuses the supplier at the end."""
    hops = chain(3)
    hops[cut] = replace(hops[cut], status="revoked")
    with refuses(Reason.DELEGATION):
        await authority(hops).token(request())
