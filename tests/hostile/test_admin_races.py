"""Two who change the same record, and one who asks twice: on PostgreSQL, with two processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from threading import Barrier

import pytest

from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import Call
from tests.support.http import Answer
from tests.support.servers import PostgresServer

AT_ONCE = 8
ROUNDS = 5
ADD_CLIENT = Call("POST", "/api/v1/clients")
READ_CLIENT = Call("GET", "/api/v1/clients/{client_id}")
PUT_CLIENT = Call("PUT", "/api/v1/clients/{client_id}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Land]:
    """An authority of two workers on PostgreSQL."""
    url = postgres_server.create_database(f"t{token_hex(4)}")
    with land(tmp_path_factory.mktemp("races"), database_url=url, workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def mine(pair: Land) -> Estate:
    """The caller."""
    estate = pair.estate()
    pair.token(estate)
    return estate


def at_once(send: Callable[[int], Answer]) -> list[Answer]:
    """Send so many requests, each on a connection of its own, none before all are ready."""
    ready = Barrier(AT_ONCE)

    def one(number: int) -> Answer:
        ready.wait()
        return send(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def epochs(pair: Land) -> int:
    """How many changes the log has."""
    return int(pair.authority.registry.rows("SELECT count(*) AS n FROM registry_changes")[0]["n"])


def test_of_changes_that_saw_the_same_state_one_is_made(pair: Land, mine: Estate) -> None:
    """Each says in If-Match what it saw: one is done, every other is 412 and has changed nothing."""
    for _ in range(ROUNDS):
        seen = pair.call(mine, READ_CLIENT, mine.ids).headers["etag"]
        before = epochs(pair)
        names = [f"name {token_hex(4)}" for _ in range(AT_ONCE)]

        def change(number: int, seen: str = seen, names: list[str] = names) -> Answer:
            body = {"client_name": names[number], "scopes": []}
            return pair.call(mine, PUT_CLIENT, mine.ids, body, {"if-match": seen})

        answers = at_once(change)
        assert sorted(answer.status for answer in answers) == [200] + [412] * (AT_ONCE - 1)
        (winner,) = [number for number, answer in enumerate(answers) if answer.status == 200]
        assert pair.call(mine, READ_CLIENT, mine.ids).json["client_name"] == names[winner]
        assert epochs(pair) == before + 1


def test_a_create_that_is_sent_many_times_is_done_once(pair: Land, mine: Estate) -> None:
    """With one Idempotency-Key there is one client: the others get its answer, or are told that it is under way."""
    for _ in range(ROUNDS):
        key, name, before = token_hex(8), f"name {token_hex(4)}", epochs(pair)

        def create(_: int, key: str = key, name: str = name) -> Answer:
            return pair.call(mine, ADD_CLIENT, mine.ids, {"client_name": name, "scopes": []}, {"idempotency-key": key})

        answers = at_once(create)
        made = [answer for answer in answers if answer.status == 200]
        assert {answer.status for answer in answers} <= {200, 409}
        assert len({answer.body for answer in made}) == 1
        assert [answer.headers.get("idempotent-replayed") for answer in made].count(None) == 1
        again = create(0)
        assert (again.status, again.body, again.headers["idempotent-replayed"]) == (200, made[0].body, "true")
        listed = json.loads(pair.call(mine, Call("GET", "/api/v1/clients"), mine.ids).body)
        assert [client["client_name"] for client in listed].count(name) == 1
        assert epochs(pair) == before + 1


def test_of_creates_of_the_same_id_one_is_made(pair: Land, mine: Estate) -> None:
    """Without a key to tell them as one, a chosen id is given once, and every other create is a conflict."""
    chosen = f"id-{token_hex(4)}"
    answers = at_once(lambda _: pair.call(mine, ADD_CLIENT, mine.ids, {"client_id": chosen, "scopes": []}))
    assert sorted(answer.status for answer in answers) == [200] + [409] * (AT_ONCE - 1)
