"""Requests with bound tokens at the validator: which door takes what, and status lists that are away."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

import httpx2
import pytest

from tests.tillit.by_hand import b64, compact, public_jwk
from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import (
    AllOf,
    ConfigError,
    DpopKey,
    DpopVerifier,
    InsufficientScope,
    InvalidProof,
    InvalidToken,
    JwksSource,
    MissingToken,
    Policy,
    Presented,
    StatusCheck,
    StatusLists,
    StatusListUnavailable,
    TokenValidator,
)

API = "https://api.example.no/"
URL = f"{API}people"


@pytest.fixture
def source(authority: StubAuthority, clock: ManualClock) -> JwksSource:
    return JwksSource.for_issuer(authority.issuer, clock=clock)


@pytest.fixture
def shown(authority: StubAuthority, clock: ManualClock) -> Callable[..., Presented]:
    """Make a request with a bound token and a fresh proof."""
    key = DpopKey.generate()
    token = authority.mint(cnf={"jkt": key.thumbprint})

    def make(**changes: str) -> Presented:
        proof = key.proof("GET", changes.get("url", URL), now=int(clock.time()), token=token)
        return Presented(changes.get("scheme", "DPoP"), token, "GET", "/people", (proof,))

    return make


def test_known_token_needs_a_proof_each_time(
    authority: StubAuthority, source: JwksSource, clock: ManualClock, shown: Callable[..., Presented]
) -> None:
    """A token that was taken with a proof is not taken without, with an old proof, or at the other door."""
    validator = TokenValidator(Policy(authority.issuer, API), source, clock=clock, dpop=DpopVerifier(API))
    request = shown()
    assert validator.validate_request(request, AllOf("x:read")).confirmation is not None
    with pytest.raises(InvalidProof, match="before"):
        validator.validate_request(request)
    with pytest.raises(InvalidToken, match="without proof"):
        validator.validate(request.token)
    with pytest.raises(InvalidToken, match="without proof") as caught:
        validator.validate_request(Presented("Bearer", request.token))
    challenge = validator.challenge(caught.value, "api").headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="api", error="invalid_token"')
    assert 'DPoP algs="ES256 ES384' in challenge
    with pytest.raises(InsufficientScope) as lacking:
        validator.validate_request(shown(), AllOf("x:write"))
    assert validator.challenge(lacking.value).headers["WWW-Authenticate"].startswith('DPoP error="insufficient_scope"')


def test_same_doors_on_an_event_loop(
    authority: StubAuthority, source: JwksSource, clock: ManualClock, shown: Callable[..., Presented]
) -> None:
    """The awaited door takes and refuses the same."""
    validator = TokenValidator(Policy(authority.issuer, API), source, clock=clock, dpop=DpopVerifier(API))

    async def main() -> None:
        request = shown()
        await validator.avalidate_request(request)
        with pytest.raises(InvalidProof, match="before"):
            await validator.avalidate_request(request)
        with pytest.raises(InvalidToken, match="without proof"):
            await validator.avalidate(request.token)
        with pytest.raises(InvalidToken, match="without proof"):
            await validator.avalidate_request(Presented("Bearer", request.token))
        assert (await validator.avalidate_request(Presented("Bearer", authority.mint()))).confirmation is None

    asyncio.run(main())


def test_api_says_which_proofs_it_takes(
    authority: StubAuthority, source: JwksSource, clock: ManualClock, shown: Callable[..., Presented]
) -> None:
    """Without a verifier DPoP is no token at all; where proof is required a bearer token is refused."""
    policy = Policy(authority.issuer, API)
    plain = TokenValidator(policy, source, clock=clock)
    with pytest.raises(MissingToken) as caught:
        plain.validate_request(shown())
    assert plain.challenge(caught.value).headers["WWW-Authenticate"] == "Bearer"
    strict = TokenValidator(policy, source, clock=clock, dpop=DpopVerifier(API, required=True))
    strict.validate_request(shown())
    with pytest.raises(InvalidToken, match="must be"):
        strict.validate_request(Presented("Bearer", authority.mint()))


def test_keys_of_one_issuer_are_not_another_s(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """A token of the second issuer is good under its own keys, and not under those of the first."""
    other = "https://other.example.no/"
    public = [public_jwk(keys.other_p256, "as-1", "ES256")]
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json={"keys": public})))
    sources = {
        authority.issuer: JwksSource.for_issuer(authority.issuer, clock=clock),
        other: JwksSource(f"{other}jwk", http=http, clock=clock),
    }
    validator = TokenValidator(Policy([authority.issuer, other], API), sources, clock=clock)
    header = {"alg": "ES256", "kid": "as-1", "typ": "at+jwt"}
    validator.validate(authority.mint())
    assert validator.validate(compact(keys.other_p256, "ES256", header, authority.claims(iss=other))).issuer == other
    with pytest.raises(InvalidToken, match="signature"):
        validator.validate(authority.mint(iss=other))
    assert {issuer: status.keys for issuer, status in validator.status().items()} == dict.fromkeys(sources, 1)


def test_old_status_list_stands_in_for_a_while(
    authority: StubAuthority, source: JwksSource, clock: ManualClock
) -> None:
    """A list that cannot be fetched anew is used for `max_stale`, asked for once a cooldown, and then no more."""
    uri = f"{authority.issuer}status/1"
    token = authority.mint(status={"status_list": {"uri": uri, "idx": 0}}, exp=int(clock.time()) + 3600)
    asked: list[int] = []

    def serve(_: httpx2.Request) -> httpx2.Response:
        asked.append(int(clock.time()))
        return httpx2.Response(503) if len(asked) > 1 else httpx2.Response(200, text=listed)

    now = int(clock.time())
    claims = {"iss": authority.issuer, "sub": uri, "iat": now, "exp": now + 3600, "ttl": 60}
    claims["status_list"] = {"bits": 1, "lst": b64(zlib.compress(b"\0"))}
    header = {"alg": "ES256", "kid": "as-1", "typ": "statuslist+jwt"}
    listed = compact(authority.signing_key, "ES256", header, claims)
    http = httpx2.Client(transport=httpx2.MockTransport(serve))
    lists = StatusLists(authority.issuer, source, http=http, clock=clock, max_stale=300)
    check = StatusCheck({authority.issuer: lists}, "must-check")
    validator = TokenValidator(Policy(authority.issuer, API), source, clock=clock, status=check)

    for step in (0, 59, 2, 1, 1, 4):
        clock.advance(step)
        validator.validate(token)
    assert [moment - now for moment in asked] == [0, 61, 67]
    clock.advance(294)
    with pytest.raises(StatusListUnavailable) as caught:
        validator.validate(token)
    assert validator.challenge(caught.value).status == 503
    with pytest.raises(InvalidToken, match="names no status list"):
        validator.validate(authority.mint())
    with pytest.raises(ConfigError):
        StatusCheck(lists, "sometimes")  # type: ignore[arg-type]


def test_refresh_asks_whatever_the_ration_says(
    authority: StubAuthority, source: JwksSource, clock: ManualClock
) -> None:
    """An operator who knows of a new key need not wait for the cooldown, also from a loop."""
    source.key("as-1", "ES256")
    clock.advance(1)
    for wanted in ("x", "y"):
        with pytest.raises(InvalidToken):
            source.key(wanted, "ES256")
    assert authority.hits["/jwk"] == 2
    assert source.refresh().keys == 1
    assert asyncio.run(source.arefresh()).keys == 1
    assert authority.hits["/jwk"] == 4


def test_renewal_begins_before_four_fifths_of_the_age(
    authority: StubAuthority, source: JwksSource, clock: ManualClock
) -> None:
    """Keys are not renewed before 70 % of their soft age, and always are at 80 %."""
    source.key("as-1", "ES256")
    clock.advance(209)
    source.key("as-1", "ES256")
    assert authority.hits["/jwk"] == 1
    clock.advance(32)
    source.key("as-1", "ES256")
    for flight in tuple(source._flights._flights.values()):
        flight.future.result(10)
    assert authority.hits["/jwk"] == 2


def test_proof_is_hidden_in_repr(shown: Callable[..., Presented]) -> None:
    """Neither token nor proof nor certificate shows when a request is printed."""
    request = shown()
    assert request.token not in repr(request)
    assert request.dpop[0] not in repr(request)
