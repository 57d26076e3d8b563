"""Keys: fetched seldom, kept through outages, and not to be exhausted by invented key ids."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.tillit.by_hand import public_jwk
from tests.tillit.conftest import Keys
from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import Authority, ConfigError, InvalidToken, JwksLimits, JwksSource, KeysUnavailable


@pytest.fixture
def source(authority: StubAuthority, clock: ManualClock) -> JwksSource:
    return JwksSource.for_issuer(authority.issuer, clock=clock)


def settle(source: JwksSource) -> None:
    """Wait until no renewal is under way."""
    for flight in tuple(source._flights._flights.values()):
        flight.future.result(10)


def test_fifty_cold_threads_cause_one_fetch(source: JwksSource, authority: StubAuthority) -> None:
    """Keys are fetched once however many threads want them."""
    with ThreadPoolExecutor(50) as pool:
        with authority.held():
            futures = [pool.submit(source.key, "as-1", "ES256") for _ in range(50)]
        assert len({id(future.result()) for future in futures}) == 1
    assert authority.hits["/jwk"] == 1


def test_flood_of_unknown_kids_causes_one_fetch_a_cooldown(
    source: JwksSource, authority: StubAuthority, clock: ManualClock
) -> None:
    """A thousand invented key ids cost one fetch, and thirty seconds later one more."""
    source.key("as-1", "ES256")
    clock.advance(31)
    for round_ in (1, 2):
        for n in range(1000):
            with pytest.raises(InvalidToken, match="not known"):
                source.key(f"invented-{round_}-{n}", "ES256")
        assert authority.hits["/jwk"] == 1 + round_
        clock.advance(31)


def test_one_unknown_kid_is_asked_for_once(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """A key id that a fetch did not bring is not fetched for again for five minutes."""
    source.key("as-1", "ES256")
    for _ in range(5):
        clock.advance(31)
        with pytest.raises(InvalidToken):
            source.key("invented", "ES256")
    assert authority.hits["/jwk"] == 2


def test_unknown_kid_is_unavailable_while_nobody_can_say(
    source: JwksSource, authority: StubAuthority, clock: ManualClock
) -> None:
    """While keys cannot be fetched, an unknown key id may be a new key's: 503, for a 401 makes callers drop tokens."""
    source.key("as-1", "ES256")
    clock.advance(31)
    authority.down.add("/jwk")
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match="cannot be fetched"):
            source.key("as-2", "ES256")
    source.key("as-1", "ES256")
    authority.down.clear()
    clock.advance(31)
    with pytest.raises(InvalidToken, match="not known"):
        source.key("as-2", "ES256")


def test_new_key_is_found_by_its_first_token(
    source: JwksSource, authority: StubAuthority, keys: Keys, clock: ManualClock
) -> None:
    """After a rotation the first token with the new key makes the source look."""
    source.key("as-1", "ES256")
    clock.advance(31)
    authority.jwks.append(public_jwk(keys.ed25519, "as-2", "Ed25519"))

    assert source.key("as-2", "Ed25519") == keys.ed25519.public_key()
    assert authority.hits["/jwk"] == 2


def test_rotation_just_after_the_first_fetch_is_noticed_at_once(
    source: JwksSource, authority: StubAuthority, keys: Keys
) -> None:
    """A key published a moment after the keys were first fetched is found with the first token it signs."""
    source.key("as-1", "ES256")
    authority.jwks.append(public_jwk(keys.ed25519, "as-2", "Ed25519"))

    assert source.key("as-2", "Ed25519") == keys.ed25519.public_key()


def test_flood_does_not_hide_a_rotation(
    source: JwksSource, authority: StubAuthority, keys: Keys, clock: ManualClock
) -> None:
    """While invented ids use up every cooldown, a real new key is still found, by the fetches they cause."""
    source.key("as-1", "ES256")
    clock.advance(31)
    with pytest.raises(InvalidToken):
        source.key("invented-0", "ES256")
    authority.jwks.append(public_jwk(keys.ed25519, "as-2", "Ed25519"))
    with pytest.raises(InvalidToken):
        source.key("as-2", "Ed25519")
    clock.advance(31)
    with pytest.raises(InvalidToken):
        source.key("invented-1", "ES256")

    assert source.key("as-2", "Ed25519") == keys.ed25519.public_key()


def test_withdrawn_key_is_forgotten(
    source: JwksSource, authority: StubAuthority, keys: Keys, clock: ManualClock
) -> None:
    """Beyond the soft age keys are fetched anew before a token is judged, so a withdrawn key is known as such."""
    source.key("as-1", "ES256")
    authority.jwks = [public_jwk(keys.ed25519, "as-2", "Ed25519")]
    clock.advance(301)
    with pytest.raises(InvalidToken, match="not known"):
        source.key("as-1", "ES256")


def test_keys_are_renewed_ahead(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """From 80 % of the soft age keys are renewed behind the caller's back, with a conditional request."""
    source.key("as-1", "ES256")
    clock.advance(241)
    with authority.held():
        source.key("as-1", "ES256")
    settle(source)
    assert authority.hits["/jwk"] == 2
    assert authority.unchanged == 1
    assert source.status().age == 0


def test_outage_is_survived_with_known_keys(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """Known keys validate for 24 hours while the authority is away; then the answer is 503, not 401."""
    source.key("as-1", "ES256")
    authority.down.update({"/jwk", "/.well-known/oauth-authorization-server"})
    for _ in range(23):
        clock.advance(3600)
        assert source.key("as-1", "ES256") == authority.signing_key.public_key()
        settle(source)
    assert source.status().last_error == "metadata: HTTP 503"
    clock.advance(3600)
    with pytest.raises(KeysUnavailable) as caught:
        source.key("as-1", "ES256")
    challenge = caught.value.challenge()
    assert challenge.status == 503
    assert int(challenge.headers["Retry-After"]) >= 1
    authority.down.clear()
    clock.advance(31)
    assert source.key("as-1", "ES256") == authority.signing_key.public_key()


def test_cold_start_without_authority(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """With no keys at all the answer is 503; attempts are rationed, and the first successful one ends it."""
    authority.down.add("/jwk")
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            source.key("as-1", "ES256")
    assert authority.hits["/jwk"] == 1
    authority.down.clear()
    clock.advance(1)
    assert source.key("as-1", "ES256") == authority.signing_key.public_key()
    assert authority.hits["/jwk"] == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>"),
        Answer(200, b'{"keys":[]}'),
        Answer(200, b'{"keys":{}}'),
        Answer(200, json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "as-1", "alg": "HS256"}]}).encode()),
        Answer(302, b"", {"Location": "/elsewhere"}),
        Answer(200, None),
        Answer(404),
    ],
    ids=["html", "empty", "not a list", "symmetric only", "redirect", "hang up", "not found"],
)
def test_bad_answer_does_not_evict_good_keys(
    source: JwksSource, authority: StubAuthority, clock: ManualClock, answer: Answer
) -> None:
    """Whatever comes in place of keys, those known stay in use."""
    source.key("as-1", "ES256")
    clock.advance(301)
    authority.scripts["/jwk"].append(answer)

    assert source.key("as-1", "ES256") == authority.signing_key.public_key()
    assert source.status().last_error
    assert "/elsewhere" not in authority.hits


@pytest.mark.parametrize("etag", ['"\xe9"', '"' + "x" * 300 + '"', "none", '"a" "b"'])
def test_an_entity_tag_that_cannot_be_sent_back_is_none(
    source: JwksSource, authority: StubAuthority, clock: ManualClock, etag: str
) -> None:
    """Keys are fetched anew, whatever a front of the authority calls the set."""
    body = json.dumps({"keys": authority.jwks}).encode()
    authority.scripts["/jwk"].append(Answer(200, body, {"Content-Type": "application/json", "ETag": etag}))
    source.key("as-1", "ES256")
    clock.advance(301)
    assert source.key("as-1", "ES256") == authority.signing_key.public_key()
    assert (authority.hits["/jwk"], authority.unchanged) == (2, 0)


def test_what_was_not_foreseen_counts_as_a_failure(clock: ManualClock) -> None:
    """Keys stay, the ration holds, and what is told is the kind of the error alone."""

    def broken(_: httpx2.Request) -> httpx2.Response:
        raise RuntimeError("eyJ-secret")

    source = JwksSource(
        "https://authority.test/jwk", http=httpx2.Client(transport=httpx2.MockTransport(broken)), clock=clock
    )
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            source.key("as-1", "ES256")
    assert source.status().last_error == "RuntimeError"


def test_one_request_waits_for_a_silent_authority(
    source: JwksSource, authority: StubAuthority, clock: ManualClock
) -> None:
    """Once keys could not be fetched anew, later fetches are made behind the requests, until the keys are too old."""
    source.key("as-1", "ES256")
    authority.down.add("/jwk")
    clock.advance(301)
    source.key("as-1", "ES256")
    assert authority.hits["/jwk"] == 2
    clock.advance(60)
    with authority.held():
        assert source.key("as-1", "ES256") == authority.signing_key.public_key()
    settle(source)
    assert authority.hits["/jwk"] == 3


def test_set_that_is_too_large_is_not_read(
    source: JwksSource, authority: StubAuthority, keys: Keys, clock: ManualClock
) -> None:
    """A good set behind more than 256 KiB of white space is refused before it is parsed."""
    source.key("as-1", "ES256")
    clock.advance(301)
    body = json.dumps({"keys": [public_jwk(keys.ed25519, "as-2", "Ed25519")]}).encode() + b" " * 300_000
    authority.scripts["/jwk"].append(Answer(200, body))

    assert source.key("as-1", "ES256") == authority.signing_key.public_key()
    assert source.status().last_error == "the answer is too large"


def test_hot_keys_are_found_asynchronously(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """A hundred tasks on a cold source cause one fetch, and renewal works from a loop too."""

    async def main() -> None:
        await asyncio.gather(*(source.akey("as-1", "ES256") for _ in range(100)))
        clock.advance(241)
        await source.akey("as-1", "ES256")
        while source.status().age != 0:  # noqa: ASYNC110 - nothing tells of a renewal that nobody waits for
            await asyncio.sleep(0.005)

    asyncio.run(main())
    assert authority.hits["/jwk"] == 2


def test_cache_control_lengthens_the_soft_age(source: JwksSource, authority: StubAuthority, clock: ManualClock) -> None:
    """max-age is honoured between the soft age and an hour."""
    body = json.dumps({"keys": authority.jwks}).encode()
    authority.scripts["/jwk"].append(Answer(200, body, {"Cache-Control": "public, max-age=86400"}))
    source.key("as-1", "ES256")
    clock.advance(2800)
    source.key("as-1", "ES256")
    assert authority.hits["/jwk"] == 1
    clock.advance(900)
    source.key("as-1", "ES256")
    assert authority.hits["/jwk"] == 2


def test_status_tells_readiness(source: JwksSource, authority: StubAuthority) -> None:
    """Warm never raises; status says how many keys there are and what was passed over."""
    authority.down.add("/jwk")
    assert source.warm().keys == 0
    assert source.status().last_error == "keys: HTTP 503"


def test_sources_that_cannot_work() -> None:
    """Plain http, a missing jwks_uri and impossible limits are errors at once."""
    for make in (
        lambda: JwksSource("http://authority.example.no/jwk"),
        lambda: JwksSource("file:///etc/passwd"),
        lambda: JwksSource(Authority("https://authority.example.no/")),
        lambda: JwksLimits(soft_ttl=10, hard_ttl=5),
    ):
        with pytest.raises(ConfigError):
            make()
