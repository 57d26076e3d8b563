"""Whom a change would concern: what the record says of tokens, held against what rests on a delegation."""

import pytest

from authserver.oauth.models import Delegation
from authserver.record.affected import SqlAffected
from authserver.record.decisions import SqlDecisions
from authserver.storage.database import Database
from tests.contract.conftest import Closer
from tests.contract.registry import CONSUMER, NOW, SUPPLIER
from tests.contract.test_decisions import decision

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("name", "tokens"), [("d1", 3), ("d2", 2), ("d", 0), ("d10", 1), ("%", 0)])
async def test_every_link_of_a_chain_concerns_its_tokens(
    database: Database, closing: Closer, name: str, tokens: int
) -> None:
    """A token that rests on several delegations is found by each of them, and by no other of a like name."""
    record = SqlDecisions(database)
    closing(record.close)
    for number, held in enumerate(("d1", "d1 d2", "d2 d1", "d10", "")):
        await record.commit(decision(number, delegation_id=held, assertion_id=f"jti-{number}"))
    delegation = Delegation(name, CONSUMER, SUPPLIER, frozenset({"tax:read"}), NOW, NOW + 60)
    found = await SqlAffected(database).by([delegation], NOW)
    assert sum(count for _, _, count in found) == tokens
