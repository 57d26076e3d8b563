"""P1: one assertion yields at most one token, whatever the race, the process or the restart."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from tests.hostile.crowd import burst, on_the_wire
from tests.support.authority import Authority
from tests.support.http import broken_promises
from tests.support.registrar import RegisteredClient
from tests.support.servers import PostgresServer

CROWD = 200


def decided(authority: Authority, client: RegisteredClient) -> Counter[str]:
    """Count what the record says of a client, by code, `issued` for a token."""
    rows = authority.registry.rows("SELECT outcome, code FROM decisions WHERE client_id = :id", id=client.id)
    return Counter(row["code"] or row["outcome"] for row in rows)


def test_of_200_concurrent_posts_of_one_assertion_one_gets_a_token(authority: Authority) -> None:
    """One post gets the token, 199 are told of the replay, and the record has exactly that."""
    client = authority.registry.granted_client()
    for round_ in range(1, 4):
        answers = burst([(authority.port, on_the_wire(client.form()))] * CROWD)
        assert Counter(answer.code or "issued" for answer in answers) == {"issued": 1, "MP-012": CROWD - 1}
        assert not any(broken_promises(answer) for answer in answers)
        assert decided(authority, client) == {"issued": round_, "MP-012": round_ * (CROWD - 1)}
    spent = authority.registry.rows("SELECT issuer FROM spent_assertions WHERE issuer = :id", id=client.id)
    assert len(spent) == 3


def test_a_race_of_both_roles_over_one_jti_has_one_winner(authority: Authority) -> None:
    """A grant and a client authentication with the same `jti` are two uses of one id."""
    client = authority.registry.granted_client()
    grant, credentials = client.form(jti="contested"), client.credentials_form(jti="contested")
    answers = burst([(authority.port, on_the_wire(form)) for form in (grant, credentials) * 20])
    assert Counter(answer.code or "issued" for answer in answers) == {"issued": 1, "MP-012": 39}
    assert decided(authority, client)["issued"] == 1


def test_different_assertions_in_one_burst_all_get_their_tokens(authority: Authority) -> None:
    """The race costs nobody who did not replay."""
    client = authority.registry.granted_client()
    answers = burst([(authority.port, on_the_wire(client.form())) for _ in range(100)])
    assert Counter(answer.status for answer in answers) == {200: 100}
    assert len({answer.token for answer in answers}) == 100
    assert decided(authority, client) == {"issued": 100}


def test_a_spent_assertion_stays_spent_over_a_crash(mortal: Authority) -> None:
    """A token's assertion is as durable as its record."""
    client = mortal.registry.granted_client()
    form = client.form()
    assert mortal.post(form).status == 200
    mortal.stop(signal.SIGKILL)
    mortal.start()
    assert mortal.post(form).refusal == (400, "invalid_grant", "MP-012")


def test_two_nodes_on_one_database_are_one_authority(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """A burst over two nodes has one winner, and what one node spent is spent at the other."""
    first = Authority(tmp_path, database_url=postgres_server.create_database("two_nodes"))
    second = Authority(
        tmp_path, database_url=first.settings.database_url, issuer=first.issuer, keys_dir=first.settings.keys_dir
    )
    try:
        first.init()
        first.start()
        second.start()
        client = first.registry.granted_client()
        wire = on_the_wire(client.form())
        answers = burst([(first.port, wire), (second.port, wire)] * (CROWD // 2))
        assert Counter(answer.code or "issued" for answer in answers) == {"issued": 1, "MP-012": CROWD - 1}
        assert decided(first, client) == {"issued": 1, "MP-012": CROWD - 1}
        assert first.get("/jwk").body == second.get("/jwk").body
    finally:
        second.close()
        first.close()
