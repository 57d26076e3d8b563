"""How long a refusal takes must not tell a foreign record from none: both cost the same reads of the database.

Statements are counted and not seconds, in a node inside the test, for every operation and every place of an id that the
sweep of foreign ids knows.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event

from authserver.app import create_app
from authserver.services import open_services
from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import ATTACKS, CALLS, Attack, Call, body_of, unknown_ids
from tests.support.authority import free_ports

IDLE_SECONDS = 2.5
SWEPT = [(call, attack) for call in CALLS for attack in ATTACKS.get(str(call), ())]


@dataclass
class Statements:
    """What the database is asked; `background` is what a node asks anyway."""

    asked: list[str] = field(default_factory=list)
    background: frozenset[str] = frozenset()

    def take(self) -> Counter[str]:
        """What was asked since the last time, without what would have been asked anyway."""
        taken = Counter(one for one in self.asked if one not in self.background)
        self.asked.clear()
        return taken


@contextmanager
def listening() -> Iterator[Statements]:
    """Hear every statement of this process."""
    heard = Statements()

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.asked.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority that this test alone uses."""
    with land(tmp_path_factory.mktemp("timing")) as made:
        yield made


async def differences(ground: Land, mine: Estate, foreign: Estate) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """For each place: what a foreign id made the node read beyond an unknown one, and the other way round."""
    port, management_port = free_ports(2)
    settings = replace(ground.authority.settings, port=port, management_port=management_port)
    found = {}
    with listening() as heard:
        async with open_services(settings) as services:
            transport = httpx2.ASGITransport(create_app(services))
            async with httpx2.AsyncClient(transport=transport, base_url=settings.issuer) as client:
                heard.take()
                await asyncio.sleep(IDLE_SECONDS)
                heard.background = frozenset(heard.asked)
                for call, attack in SWEPT:
                    # Once beforehand, since what a node reads first it remembers.
                    for others in (unknown_ids(), foreign.ids):
                        await client.request(**request_of(ground, mine, call, attack, others))
                    heard.take()
                    answer = await client.request(**request_of(ground, mine, call, attack, foreign.ids))
                    of_foreign = heard.take()
                    nobody = await client.request(**request_of(ground, mine, call, attack, unknown_ids()))
                    of_unknown = heard.take()
                    assert answer.status_code == nobody.status_code == attack.found, (call, attack, answer.text)
                    if of_foreign != of_unknown:
                        found[f"{call} {attack.ids or attack.body}"] = (
                            of_foreign - of_unknown,
                            of_unknown - of_foreign,
                        )
    return found


def request_of(ground: Land, mine: Estate, call: Call, attack: Attack, others: Any) -> dict[str, Any]:
    """A request of the caller's with another's ids at the places under attack."""
    ids = {**mine.ids, **{name: others[name] for name in (*attack.ids, *attack.body)}}
    asked = {name: ids[name] for name in attack.ids if name in call.names("query")}
    return ground.request(mine, call, ids, body_of(call, ids), {"if-match": "*"}, asked)


def test_a_foreign_id_costs_the_reads_of_an_unknown_one(ground: Land) -> None:
    """Operation by operation, the same statements are made for a record of somebody else's as for none."""
    mine, foreign = ground.estate(), ground.estate()
    ground.token(mine)
    assert asyncio.run(differences(ground, mine, foreign)) == {}
