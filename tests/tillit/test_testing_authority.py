"""The light authority: clients of every kind reach it without a network, and its troubles are those of a real one."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import aiohttp
import httpx2
import pytest
import requests
from authlib.integrations.httpx_client import AsyncAssertionClient
from authlib.integrations.requests_client import AssertionSession
from joserfc.jwk import import_key

from tillit import (
    NO_AUDIENCE,
    AllOf,
    AsyncTokenClient,
    ConfigError,
    InvalidStatement,
    InvalidToken,
    MalformedResponse,
    Rejected,
    RetryPolicy,
    StatusListUnavailable,
    Throttled,
    TokenClient,
    TokenRequest,
    TokenValidator,
    Unavailable,
)
from tillit.testing import Authority, ManualClock, RegisteredClient, Request, make_key

API = "https://api.example.no/"
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Authority:
    return Authority(clock=ManualClock())


@pytest.fixture
def client(light: Authority) -> RegisteredClient:
    light.add_scope("x:read", audience=API, delegable=True)
    return light.add_client("x:read", org="991825827")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def clock_of(light: Authority) -> ManualClock:
    assert isinstance(light.clock, ManualClock)
    return light.clock


def test_a_token_client_gets_a_token_that_a_validator_takes(
    light: Authority, client: RegisteredClient, no_network: None
) -> None:
    """Client, authority and validator agree on keys and time, and no connection is opened."""
    token = client.token_client().get()
    found = light.validator(API).validate(token.value, AllOf("x:read"))
    assert (found.consumer.number, found.client_id) == ("991825827", client.id)
    assert light.count("token") == 1


async def test_the_asynchronous_client_and_validator_do_too(
    light: Authority, client: RegisteredClient, no_network: None
) -> None:
    """AsyncTokenClient and `avalidate` work over the same transport."""
    token = await client.async_token_client().get("x:read")
    assert (await light.validator(API).avalidate(token.value)).scopes == {"x:read"}


def test_metadata_leads_a_client_to_it(light: Authority, client: RegisteredClient) -> None:
    """A client that knows the issuer alone finds the endpoints in the metadata."""
    from tillit import ClientConfig

    config = ClientConfig(light.issuer, client.id, client.key.signer, client.scopes)
    with TokenClient(config, http=light.http(), clock=light.clock) as tokens:
        assert tokens.get().scopes == ("x:read",)
    assert light.count("metadata") == 1


def test_a_supplier_needs_a_delegation_that_is_in_force(light: Authority, client: RegisteredClient) -> None:
    """A delegated token is had from the delegation on, names both, ends with it, and is refused once it is over."""
    consumer = light.add_organisation()
    light.grant("x:read", consumer)
    asked, tokens = TokenRequest("x:read", consumer_org=consumer), client.token_client()
    with pytest.raises(Rejected, match="MP-251"):
        tokens.get(asked)
    delegation = light.delegate(consumer, client.org, "x:read", valid_to=int(light.time()) + 100)
    token = tokens.get(asked, force=True)
    found = light.validator(API).validate(token.value)
    assert found.supplier is not None
    assert (found.consumer.number, found.supplier.number) == (consumer, client.org)
    assert token.expires_in() == 100
    light.revoke_delegation(delegation)
    with pytest.raises(Rejected, match="MP-251"):
        tokens.get(asked, force=True)


def test_a_delegation_is_stated_and_its_status_told(light: Authority, client: RegisteredClient) -> None:
    """A statement is proven while the delegation counts, and no longer once its status list is read anew."""
    consumer = light.add_organisation()
    delegation = light.delegate(consumer, client.org, "x:read")
    text, verifier = light.statement(delegation), light.statement_verifier()
    proven = verifier.verify(text)
    assert (proven.consumer.number, proven.supplier.number) == (consumer, client.org)
    assert proven.scopes == {"x:read"}
    light.suspend_delegation(delegation)
    clock_of(light).advance(30)
    with pytest.raises(InvalidStatement, match="suspended"):
        verifier.verify(text)
    light.suspend_delegation(delegation, resume=True)
    clock_of(light).advance(30)
    verifier.verify(text)
    light.revoke_delegation(delegation)
    clock_of(light).advance(30)
    with pytest.raises(InvalidStatement):
        verifier.verify(text)
    with pytest.raises(ConfigError, match="in force"):
        light.statement(delegation)


def test_a_token_tells_the_status_of_its_delegation(light: Authority, client: RegisteredClient) -> None:
    """A validator that looks at status lists refuses a supplier's token when its delegation rests; another does not."""
    consumer = light.add_organisation()
    light.grant("x:read", consumer)
    delegation = light.delegate(consumer, client.org, "x:read")
    token = client.token_client().get(TokenRequest("x:read", consumer_org=consumer)).value
    looking, trusting = light.validator(API, check_status=True), light.validator(API)
    looking.validate(token)
    light.suspend_delegation(delegation)
    clock_of(light).advance(30)
    with pytest.raises(InvalidToken, match="suspended"):
        looking.validate(token)
    assert trusting.validate(token).consumer.number == consumer


def test_status_lists_outlive_an_outage_of_minutes(light: Authority, client: RegisteredClient) -> None:
    """`check_status=True` goes on with the list it has for five minutes, and then says 503."""
    consumer = light.add_organisation()
    light.grant("x:read", consumer)
    light.delegate(consumer, client.org, "x:read")
    with light.serve():
        token = client.token_client().get(TokenRequest("x:read", consumer_org=consumer)).value
        validator = TokenValidator.for_issuer(light.issuer, API, clock=light.clock, check_status=True)
        validator.validate(token)
        with light.unavailable(on="status"):
            clock_of(light).advance(300)
            assert validator.validate(token).consumer.number == consumer
            clock_of(light).advance(60)
            with pytest.raises(StatusListUnavailable):
                validator.validate(token)


def test_access_and_keys_can_be_taken_back(light: Authority, client: RegisteredClient) -> None:
    """Without access the refusal is MP-250, with a removed key AS-103, with an expired one MP-121."""
    tokens = client.token_client()
    light.revoke("x:read", client.org)
    assert refusal(tokens) == "MP-250"
    light.grant("x:read", client.org)
    light.add_key(client.id, client.key, expires_at=int(light.time()) + 60)
    tokens.get(force=True)
    clock_of(light).advance(60)
    assert refusal(tokens) == "MP-121"
    light.remove_key(client.id, client.key.kid)
    assert refusal(tokens) == "AS-103"


def refusal(tokens: TokenClient) -> str | None:
    with pytest.raises(Rejected) as caught:
        tokens.get(force=True)
    return caught.value.mp_code


def test_what_cannot_be_is_said_at_once(light: Authority) -> None:
    """Unknown and undelegable scopes, a delegation that is over, and an issuer with a path raise ConfigError."""
    light.add_scope("x:read")
    with pytest.raises(ConfigError, match="not registered"):
        light.grant("x:write", "991825827")
    with pytest.raises(ConfigError, match="not delegable"):
        light.delegate("991825827", "889640782", "x:read")
    light.add_scope("x:write", delegable=True)
    with pytest.raises(ConfigError, match="future"):
        light.delegate("991825827", "889640782", "x:write", valid_to=1)
    with pytest.raises(ConfigError, match="no path"):
        Authority("https://authority.test/realm/")
    with pytest.raises(ConfigError, match="prefix:subscope"):
        light.add_scope("read")


def test_single_use_holds_between_threads(light: Authority, client: RegisteredClient) -> None:
    """Of eight threads that send one assertion, one gets a token and the others MP-012."""
    form = client.form()
    statuses: list[int] = []

    def send() -> None:
        statuses.append(light.http().post(light.issuer + "token", data=form).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[400] * 7]


# Other HTTP libraries and clients.


def test_requests_reaches_it_through_an_adapter(light: Authority, client: RegisteredClient, no_network: None) -> None:
    """A session of requests with the adapter mounted posts a form by hand and reads the answer."""
    session = requests.Session()
    session.mount(light.issuer, light.requests_adapter())
    answer = session.post(light.issuer + "token", data=client.form(), timeout=5)
    assert answer.json()["scope"] == "x:read"
    assert session.get(light.issuer + "jwk", timeout=5).json() == light.keys.jwks()
    with light.dropped(), pytest.raises(requests.ConnectionError):
        session.get(light.issuer + "jwk", timeout=5)
    with light.latency(9), pytest.raises(requests.ReadTimeout):
        session.get(light.issuer + "jwk", timeout=(1, 5))


def test_authlib_reaches_it_through_the_same_adapter(no_network: None) -> None:
    """Authlib's session for requests gets a token."""
    light = Authority()  # Authlib cannot be handed a clock
    sender = light.add_client("x:read")
    with AssertionSession(**_authlib(light, sender)) as session:
        session.mount(light.issuer, light.requests_adapter())
        session.refresh_token()
        assert session.token["scope"] == "x:read"


async def test_authlib_over_httpx2_takes_the_transport(no_network: None) -> None:
    """Authlib's asynchronous client gets a token over `transport()`."""
    light = Authority()
    sender = light.add_client("x:read")
    async with AsyncAssertionClient(**_authlib(light, sender), transport=light.transport()) as session:
        await session.refresh_token()
        assert session.token["scope"] == "x:read"


def _authlib(light: Authority, sender: RegisteredClient) -> dict[str, Any]:
    return {
        "token_endpoint": light.issuer + "token",
        "issuer": sender.id,
        "subject": sender.id,
        "audience": light.issuer,
        "claims": {"scope": "x:read"},
        "key": import_key(sender.key.pem, "EC"),
        "header": {"alg": "ES256", "kid": sender.key.kid},
        "expires_in": 100,
    }


async def test_aiohttp_reaches_it_over_loopback(light: Authority, client: RegisteredClient) -> None:
    """While it is served, a session of aiohttp posts a form by hand, and a dropped connection is one."""
    with light.serve() as issuer:
        async with aiohttp.ClientSession() as session:
            async with session.post(issuer + "token", data=client.form()) as answer:
                assert (await answer.json())["scope"] == "x:read"
            with light.dropped(), pytest.raises(aiohttp.ClientError):
                await session.post(issuer + "token", data=client.form())
    assert light.issuer == "https://authority.test/"


def test_a_program_that_reads_the_environment_finds_it(light: Authority, client: RegisteredClient) -> None:
    """`environ` is all that `TokenClient.from_env` needs while the authority is served."""
    with light.serve() as issuer:
        with TokenClient.from_env(environ=client.environ()) as tokens:
            tokens._clock = light.clock
            token = tokens.get()
        found = light.validator(API).validate(token.value)
        assert found.issuer == issuer


async def test_it_is_an_asgi_application(light: Authority, client: RegisteredClient) -> None:
    """An ASGI transport of httpx2 reaches the same endpoints."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=light.asgi)) as http:
        answer = await http.post(light.issuer + "token", data=client.form())
    assert answer.json()["token_type"] == "Bearer"


def test_the_transport_reaches_nothing_else(light: Authority) -> None:
    """A request to another host fails as it would without a network."""
    with pytest.raises(httpx2.ConnectError):
        light.http().get("https://elsewhere.example/")
    assert light.http().get(light.issuer + "nowhere").status_code == 404


# Troubles.


def test_latency_moves_the_manual_clock_and_nobody_waits(light: Authority, client: RegisteredClient) -> None:
    """An answer three seconds late makes a token three seconds old, in no time."""
    with light.latency(3):
        token = client.token_client().get()
    assert token.age() == 3


async def test_latency_beyond_the_timeout_is_a_timeout(light: Authority, client: RegisteredClient) -> None:
    """A client gives up on an answer that comes after its time-out, sync and async."""
    with light.latency(60):
        with pytest.raises(Unavailable, match="ReadTimeout"):
            client.token_client(retry=ONCE).get()
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await client.async_token_client(retry=ONCE).get()


def test_latency_on_the_system_clock_is_waited_for() -> None:
    """Without a manual clock the answer does come late."""
    light = Authority()
    sender = light.add_client("x:read")
    with light.latency(0.05), sender.token_client() as tokens:
        assert tokens.get().age() >= 0.05


def test_one_outage_is_survived_and_a_lasting_one_is_told(light: Authority, client: RegisteredClient) -> None:
    """A 503 is tried again with a new assertion; three of them are Unavailable, with the Retry-After of the last."""
    with light.unavailable(times=1):
        client.token_client().get()
    assert light.count() == 2
    with light.unavailable(status=502, retry_after=7), pytest.raises(Unavailable) as caught:
        client.token_client(retry=ONCE).get()
    assert (caught.value.status, caught.value.retry_after) == (502, 7)


def test_throttling_says_how_long(light: Authority, client: RegisteredClient) -> None:
    """A 429 is Throttled with its Retry-After."""
    with light.throttled(retry_after=30), pytest.raises(Throttled) as caught:
        client.token_client(retry=ONCE).get()
    assert caught.value.retry_after == 30


def test_retries_pass_the_time_of_the_manual_clock(light: Authority, client: RegisteredClient) -> None:
    """A Retry-After of four seconds is obeyed by that clock, in no time, and one beyond the deadline is given up."""
    before = light.clock.monotonic()
    with light.throttled(retry_after=4, times=2):
        client.token_client().get()
    assert light.clock.monotonic() - before == 8
    with light.throttled(retry_after=11), pytest.raises(Throttled):
        client.token_client().get()
    assert light.clock.monotonic() - before == 8


def test_nothing_secret_is_shown(light: Authority, client: RegisteredClient) -> None:
    """Neither assertions nor tokens nor keys stand in what a failing test prints."""
    form = client.form()
    answer = light.http().post(light.issuer + "token", data=form)
    shown = repr([light.requests, light.respond(light.requests[0]), client, client.key, light.keys])
    assert form["assertion"][:40] not in shown
    assert answer.json()["access_token"] not in shown
    assert client.key.private_jwk["d"] not in shown


def test_a_lost_answer_spends_the_assertion(light: Authority, client: RegisteredClient) -> None:
    """Who sends the same assertion again is refused with MP-012; tillit signs anew and gets its token."""
    form = client.form()
    with light.dropped(after_deciding=True, times=2):
        with pytest.raises(httpx2.RemoteProtocolError):
            light.http().post(light.issuer + "token", data=form)
        client.token_client().get()
    again = light.http().post(light.issuer + "token", data=form)
    assert again.json()["error_description"].startswith("MP-012: ")


def test_a_skewed_clock_is_measured_and_followed_within_bounds(light: Authority, client: RegisteredClient) -> None:
    """A client follows an authority that is a minute behind; of one that is 20 minutes behind it tells by how much."""
    with light.skewed(-60):
        assert client.token_client().get().expires_in() > 0
    with light.skewed(-1200), pytest.raises(Rejected) as caught:
        client.token_client(retry=ONCE).get()
    assert caught.value.mp_code == "AS-131"
    assert caught.value.skew is not None
    assert caught.value.skew == pytest.approx(-1200, abs=2)
    client.token_client().get()


def test_a_rotated_key_signs_and_the_old_one_still_counts(light: Authority, client: RegisteredClient) -> None:
    """Tokens from before and after a rotation are good."""
    validator, tokens = light.validator(API), client.token_client()
    before = tokens.get()
    validator.validate(before.value)
    light.rotate_key()
    clock_of(light).advance(60)
    after = tokens.get(force=True)
    assert after.value.partition(".")[0] != before.value.partition(".")[0]
    for token in (before, after):
        validator.validate(token.value)


def test_a_withdrawn_key_is_worth_nothing(light: Authority, client: RegisteredClient) -> None:
    """Once the keys are fetched anew, a token of a withdrawn key is refused."""
    token = client.token_client().get()
    light.withdraw_key()
    with pytest.raises(InvalidToken):
        light.validator(API).validate(token.value)


def test_any_refusal_can_be_ordered(light: Authority, client: RegisteredClient) -> None:
    """`refusing` gives a code and its sentence, and rejects a code that no refusal has."""
    with light.refusing("MP-250", "x:read", times=1), pytest.raises(Rejected, match=r"MP-250: .* scope x:read"):
        client.token_client().get()
    with pytest.raises(ValueError, match="no refusal"), light.refusing("MP-999"):
        pass


def test_garbage_and_a_wrong_scope_are_malformed_or_noticed(light: Authority, client: RegisteredClient) -> None:
    """A page of HTML is MalformedResponse, and a scope that was not asked for is seen."""
    with light.garbage(), pytest.raises(MalformedResponse):
        client.token_client().get()
    with light.wrong_scope("y:write"):
        answer = light.http().post(light.issuer + "token", data=client.form())
    assert answer.json()["scope"] == "y:write"


def test_troubles_end_with_their_block_and_fit_into_one_another(light: Authority, client: RegisteredClient) -> None:
    """Two troubles at once both count; after the blocks there is none, and `on` leaves other endpoints alone."""
    http = light.http()
    with light.latency(2), light.unavailable(on="jwks"):
        before = light.clock.monotonic()
        assert http.get(light.issuer + "jwk").status_code == 503
        assert light.clock.monotonic() - before == 2
        assert http.post(light.issuer + "token", data=client.form()).status_code == 200
    assert http.get(light.issuer + "jwk").status_code == 200


def test_maskinporten_is_spoken_in_its_own_words() -> None:
    """Under the profile `maskinporten` tokens are RS256 without aud, and refusals say what Maskinporten says."""
    light = Authority("https://test.maskinporten.no/", profile="maskinporten", clock=ManualClock())
    sender = light.add_client("x:read")
    assert light.validator(NO_AUDIENCE).validate(sender.token_client().get().value).audience == ()
    answer = light.http().post(light.issuer + "token", data=sender.form(aud="https://test.maskinporten.no/token"))
    sentence = "Invalid assertion. Client authentication failed. Invalid JWT claim aud"
    assert answer.json()["error_description"].startswith(f"MP-110: {sentence} (trace_id: ")


def test_two_event_loops_share_a_transport(light: Authority, client: RegisteredClient) -> None:
    """One asynchronous client gets tokens on one loop after another."""
    tokens = client.async_token_client()

    async def get(tokens: AsyncTokenClient) -> str:
        return (await tokens.get(force=True)).value

    assert asyncio.run(get(tokens)) != asyncio.run(get(tokens))


def test_the_keys_are_answered_304_to_who_has_them(light: Authority) -> None:
    """A request with the entity tag of the keys is answered without them."""
    tag = light.respond(Request("GET", "/jwk", {})).headers["etag"]
    assert light.respond(Request("GET", "/jwk", {"if-none-match": tag})).status == 304


def test_every_algorithm_signs_for_a_client(light: Authority) -> None:
    """A client may have an RSA, an EC or an Ed25519 key."""
    for alg in ("RS256", "PS256", "ES256", "ES384", "Ed25519"):
        assert light.add_client("x:read", alg=alg).token_client().get().lifetime == 600
    with pytest.raises(ConfigError):
        make_key("HS256")
