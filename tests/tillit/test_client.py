"""The sync client against a real HTTP authority."""

from __future__ import annotations

import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import (
    Authority,
    ClientConfig,
    ConfigError,
    MalformedResponse,
    RefreshPolicy,
    Rejected,
    RetryPolicy,
    TokenClient,
    TokenRequest,
    Unavailable,
    signers,
)

NO_JITTER = RefreshPolicy(jitter=0.0)


@pytest.fixture
def client(config: ClientConfig, clock: ManualClock, at_once: RetryPolicy) -> TokenClient:
    return TokenClient(config, clock=clock, retry=at_once, refresh=NO_JITTER)


def test_first_token_is_fetched_and_the_next_is_cached(client: TokenClient, authority: StubAuthority) -> None:
    """A second call for the same scopes, in another order, costs no request."""
    first = client.get("a:b c:d")

    assert client.get(["c:d", "a:b"]) is first
    assert authority.hits["/token"] == 1
    assert first.authorization == f"Bearer {first.value}"
    assert first.scopes == ("a:b", "c:d")
    assert first.expires_in() == 600


def test_assertion_is_what_the_authority_expects(client: TokenClient, authority: StubAuthority) -> None:
    """Claims and header are those of RFC 7523 and the Maskinporten profile, with integer times."""
    client.get(TokenRequest("a:b c:d", resource="https://api.example.no/", consumer_org="991825827", pid="12345678901"))

    sent = authority.assertions[0]
    assert sent.pop("header") == {"alg": "Ed25519", "typ": "JWT", "kid": "k1"}
    assert sent.pop("jti")
    assert sent == {
        "iss": "client-1",
        "aud": authority.issuer,
        "scope": "a:b c:d",
        "iat": 1_800_000_000,
        "exp": 1_800_000_120,
        "resource": "https://api.example.no/",
        "consumer_org": "991825827",
        "pid": "12345678901",
    }
    assert isinstance(sent["iat"], int)


def test_defaults_of_the_configuration_hold_for_scopes_alone(authority: StubAuthority, config: ClientConfig) -> None:
    """consumer_org and default scopes of the configuration are used when the call names none."""
    client = TokenClient(ClientConfig(config.authority, "client-1", config.signer, ("a:b",), consumer_org="991825827"))
    client.get()

    assert authority.assertions[0]["scope"] == "a:b"
    assert authority.assertions[0]["consumer_org"] == "991825827"


def test_no_default_scopes_is_an_error(client: TokenClient) -> None:
    """A call without scopes needs default scopes."""
    with pytest.raises(ConfigError, match="scopes"):
        client.get()


def test_fifty_cold_threads_cause_one_request(client: TokenClient, authority: StubAuthority) -> None:
    """However many threads ask at once, one request is sent, and all get its token."""
    barrier = threading.Barrier(50)

    def ask() -> str:
        barrier.wait()
        return client.get("a:b").value

    with ThreadPoolExecutor(50) as pool:
        with authority.held():
            futures = [pool.submit(ask) for _ in range(50)]
        values = {future.result() for future in futures}

    assert authority.hits["/token"] == 1
    assert len(values) == 1


def test_different_keys_do_not_wait_for_each_other(client: TokenClient, authority: StubAuthority) -> None:
    """A held request for one key leaves a cached token of another within reach."""
    cached = client.get("c:d")
    with ThreadPoolExecutor(1) as pool, authority.held():
        pending = pool.submit(client.get, "a:b")
        assert client.get("c:d") is cached
        assert not pending.done()


def test_retry_is_signed_anew(client: TokenClient, authority: StubAuthority) -> None:
    """Every attempt has its own jti; the stub refuses one that it has seen."""
    authority.scripts["/token"].extend([Answer(503, b"busy"), Answer(200, None)])

    client.get("a:b")

    assert len({sent["jti"] for sent in authority.assertions}) == 3


def test_attempts_are_bounded(client: TokenClient, authority: StubAuthority) -> None:
    """An authority that stays away is asked three times, then the error says so."""
    authority.down.add("/token")

    with pytest.raises(Unavailable) as caught:
        client.get("a:b")

    assert authority.hits["/token"] == 3
    assert caught.value.status == 503


def test_retry_after_beyond_the_deadline_ends_the_attempts(client: TokenClient, authority: StubAuthority) -> None:
    """A Retry-After that does not fit in the deadline is handed to the caller instead of slept through."""
    authority.scripts["/token"].append(Answer(503, b"", {"Retry-After": "120"}))

    with pytest.raises(Unavailable) as caught:
        client.get("a:b")

    assert caught.value.retry_after == 120
    assert authority.hits["/token"] == 1


def test_caller_with_a_deadline_gives_up_and_the_fetch_goes_on(client: TokenClient, authority: StubAuthority) -> None:
    """A caller's deadline ends its own wait only."""
    with authority.held(), pytest.raises(Unavailable, match="no answer within"):
        client.get("a:b", deadline=0.05)

    client.get("a:b")
    assert authority.hits["/token"] == 1


def test_explicit_authority_is_not_looked_up(authority: StubAuthority, config: ClientConfig) -> None:
    """With issuer and token endpoint given, no metadata is fetched."""
    known = Authority(authority.issuer, authority.url + "/token")
    TokenClient(ClientConfig(known, "client-1", config.signer)).get("a:b")

    assert "/.well-known/oauth-authorization-server" not in authority.hits


def test_metadata_of_another_issuer_is_refused(authority: StubAuthority, config: ClientConfig) -> None:
    """The issuer must match to the letter, slash included (RFC 8414 section 3.3)."""
    client = TokenClient(ClientConfig(authority.url, "client-1", config.signer))
    with pytest.raises(MalformedResponse, match="another issuer"):
        client.get("a:b")
    with pytest.raises(MalformedResponse, match="another issuer"):
        Authority.discover(authority.url)
    assert Authority.discover(authority.issuer).token_endpoint == authority.url + "/token"


def test_redirect_is_not_followed(client: TokenClient, authority: StubAuthority) -> None:
    """An assertion is never carried to another address by a redirect."""
    authority.scripts["/token"].append(Answer(307, b"", {"Location": authority.url + "/elsewhere"}))
    with pytest.raises(MalformedResponse):
        client.get("a:b")
    assert "/elsewhere" not in authority.hits


def test_injected_http_client_is_used_and_left_open(authority: StubAuthority, config: ClientConfig) -> None:
    """All requests go through the caller's client, which stays the caller's."""
    seen: list[str] = []
    with httpx2.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]}) as http:
        with TokenClient(config, http=http) as client:
            client.get("a:b")
        assert not http.is_closed
    assert seen == ["/.well-known/oauth-authorization-server", "/token"]


def test_signer_that_fails_is_reported_without_its_words(authority: StubAuthority, at_once: RetryPolicy) -> None:
    """The message of a key service's error may hold anything, so only its kind is repeated."""

    def broken(_: bytes) -> bytes:
        raise OSError("pin 1234 refused")

    client = TokenClient(
        ClientConfig(authority.issuer, "client-1", signers.from_callable("ES256", "k", broken)), retry=at_once
    )
    with pytest.raises(Unavailable, match="OSError") as caught:
        client.get("a:b")
    assert "1234" not in str(caught.value)
    assert "/token" not in authority.hits


def test_closed_client_refuses(client: TokenClient) -> None:
    """After close a call is a programming error and says so."""
    client.close()
    with pytest.raises(ConfigError, match="closed"):
        client.get("a:b")


def test_client_is_not_pickled(client: TokenClient) -> None:
    """A client holds a key and locks; pickling it fails with advice."""
    with pytest.raises(TypeError, match="same configuration"):
        pickle.dumps(client)


def test_errors_survive_pickling() -> None:
    """An error raised in a worker process arrives with its attributes."""
    error = Rejected("no", code="invalid_grant", mp_code="MP-100", trace_id="t", hint="h")
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert vars(copied) == vars(error)
    assert str(copied) == "no"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_fetches_for_itself(client: TokenClient, authority: StubAuthority) -> None:
    """A child forked while the parent was fetching neither waits for the parent's thread nor for its locks."""
    with ThreadPoolExecutor(1) as pool, authority.held():
        pending = pool.submit(client.get, "a:b")
        while "/token" not in authority.hits:
            time.sleep(0.01)
        client._flights._lock._lock.acquire()
        child = os.fork()
        if child == 0:
            os._exit(0 if client.get("a:b").value else 1)
        client._flights._lock._lock.release()
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert pending.result().value
    assert authority.hits["/token"] == 2
