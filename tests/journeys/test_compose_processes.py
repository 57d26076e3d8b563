"""The services of docker-compose.yml, with its own commands and environments, as processes: a deployment at work."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from authserver.settings import Settings
from tests.journeys.composition import SECONDS, Composition
from tests.support.http import Answer, post_form, request
from tests.support.registrar import RegisteredClient, Registrar

NODES = ("authority-1", "authority-2")
SCOPE = "altinn:serviceowner/instances.read"
TRIES = 3
CALLERS = 4

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    running = Composition(tmp_path_factory.mktemp("compose"))
    try:
        running.up()
        yield running
    finally:
        running.down()


@pytest.fixture(scope="module")
def client(composition: Composition) -> Iterator[RegisteredClient]:
    database, redis = (composition.secret(name).strip() for name in ("database-url", "redis-url"))
    registrar = Registrar(Settings(issuer=composition.issuer, database_url=database, redis_url=redis))
    registrar.scope(SCOPE)
    registered = registrar.granted_client(SCOPE)
    # Nothing is issued on a Valkey that is new to the nodes until they have announced the policy epoch to it.
    deadline = time.monotonic() + SECONDS
    while ask(composition, registered).status == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    yield registered
    registrar.close()


def ask(composition: Composition, client: RegisteredClient, service: str = "balancer") -> Answer:
    """Ask for a token with a fresh grant."""
    return post_form(composition.ports[service], "/token", client.form())


def nodes_on_record(composition: Composition) -> Counter[str]:
    """Return how many decisions each node has recorded, by process id."""
    rows = composition.query("SELECT node FROM decisions WHERE outcome = 'issued'").stdout.split()
    return Counter(row.rpartition(":")[2] for row in rows)


def test_a_token_from_the_balancer_opens_the_demonstration_api(
    composition: Composition, client: RegisteredClient
) -> None:
    """A token that was asked for at the issuer's address is accepted by the API beside the balancer."""
    token = ask(composition, client).token
    authorization = {"authorization": f"Bearer {token}"}
    answer = request(composition.ports["demo-api"], "GET", "/instances", headers=authorization)
    assert (answer.status, answer.json["for"]) == (200, client.orgno)


def test_both_nodes_serve_tokens_through_the_balancer(composition: Composition, client: RegisteredClient) -> None:
    """The record shows decisions of either node for requests that went to the balancer."""
    before = nodes_on_record(composition)
    assert [ask(composition, client).status for _ in range(20)] == [200] * 20
    made = nodes_on_record(composition) - before
    assert set(made) == {str(composition.pid(node)) for node in NODES}


@pytest.mark.parametrize(("first", "second"), [NODES, NODES[::-1], ("balancer", "balancer")])
def test_an_assertion_spent_at_one_node_is_refused_by_the_other(
    composition: Composition, client: RegisteredClient, first: str, second: str
) -> None:
    """The same grant yields a token once, whichever node sees it again."""
    form = client.form()
    assert post_form(composition.ports[first], "/token", form).status == 200
    again = post_form(composition.ports[second], "/token", form)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("node", NODES)
def test_restarting_a_node_fails_no_request_that_a_new_assertion_does_not_cure(
    composition: Composition, client: RegisteredClient, node: str
) -> None:
    """While one node drains and starts anew, each caller gets every token, at worst by signing another assertion."""
    given_up: list[Answer | OSError] = []
    tokens: list[str] = []
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            last: Answer | OSError | None = None
            for _ in range(TRIES):
                try:
                    last = ask(composition, client)
                except OSError as fault:
                    last = fault
                    continue
                if last.status == 200:
                    tokens.append(last.token)
                    break
            else:
                if last is not None:
                    given_up.append(last)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        status = composition.restart(node)
        # The journey ends when the new process has served, too.
        while str(composition.pid(node)) not in nodes_on_record(composition) and not given_up:
            time.sleep(0.1)
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert given_up == []
    assert status == 0, "the node ended by itself, having finished what it began"
    assert len(set(tokens)) == len(tokens)


def test_the_database_lets_nobody_in_without_the_password_of_the_secret(composition: Composition) -> None:
    """The nodes got in by their secret: the same role without it, or with another, is turned away."""
    assert composition.query("SELECT 1", "postgres-password").stdout.strip() == "1"
    assert "password authentication failed" in composition.query("SELECT 1", "redis-url").stderr


def test_every_health_check_of_the_file_succeeds(composition: Composition) -> None:
    """Each service that has a health check passes it, run by the file's own command."""
    checked = [name for name, service in composition.services.items() if "test" in service["healthcheck"]]
    assert {name for name in checked if not composition.healthy(name)} == set()


def test_no_service_was_given_a_secret_by_its_environment(composition: Composition) -> None:
    """What a secret file holds stands in no environment and no command line of a running process."""
    secrets = {path.read_text().strip() for path in (composition.directory / "secrets").iterdir()}
    for node in NODES:
        shown = (Path("/proc") / str(composition.pid(node)) / "environ").read_text()
        assert [secret for secret in secrets if secret in shown] == []
