"""Tokens seen before: recognised, and judged no less."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import (
    AllOf,
    ConfigError,
    InsufficientScope,
    InvalidToken,
    JwksSource,
    KeysUnavailable,
    Policy,
    TokenValidator,
)
from tillit.jose import algorithms

API = "https://api.example.no/"


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The algorithms of the signatures that were verified, in order."""
    calls: list[str] = []
    verify = algorithms.verify

    def counted(alg: str, key: algorithms.PublicKey, data: bytes, signature: bytes) -> bool:
        calls.append(alg)
        return verify(alg, key, data, signature)

    monkeypatch.setattr(algorithms, "verify", counted)
    return calls


@pytest.fixture
def make(authority: StubAuthority, clock: ManualClock) -> Callable[..., TokenValidator]:
    def build(cache_size: int = 1024, max_age: int | None = None) -> TokenValidator:
        source = JwksSource.for_issuer(authority.issuer, clock=clock)
        return TokenValidator(
            Policy(authority.issuer, API, max_age=max_age), source, clock=clock, cache_size=cache_size
        )

    return build


def test_signature_is_verified_once(
    make: Callable[..., TokenValidator], authority: StubAuthority, verified: list[str]
) -> None:
    """A token that was found good is recognised, by threads and by tasks, and reads the same."""
    validator, token = make(), authority.mint(pid="12345678901")
    first = validator.validate(token)
    assert validator.validate(token) == first == asyncio.run(validator.avalidate(token))
    assert verified == ["ES256"]


def test_cache_can_be_off(make: Callable[..., TokenValidator], authority: StubAuthority, verified: list[str]) -> None:
    """With a size of 0 every signature is verified; a size below that is a mistake."""
    validator, token = make(cache_size=0), authority.mint()
    validator.validate(token)
    validator.validate(token)
    assert len(verified) == 2
    with pytest.raises(ConfigError):
        make(cache_size=-1)


def test_other_token_with_the_same_claims_is_not_recognised(
    make: Callable[..., TokenValidator], authority: StubAuthority
) -> None:
    """A recognised token lends nothing to one that differs from it in the signature alone."""
    validator, token = make(), authority.mint()
    validator.validate(token)
    claims, _, signature = token.rpartition(".")
    other = "A" if signature[0] != "A" else "B"
    with pytest.raises(InvalidToken, match="signature"):
        validator.validate(f"{claims}.{other}{signature[1:]}")


def test_refused_token_is_not_remembered(
    make: Callable[..., TokenValidator], authority: StubAuthority, verified: list[str]
) -> None:
    """A token for another API is refused, however often it comes."""
    validator, token = make(), authority.mint(aud="https://other.example.no/")
    for _ in range(2):
        with pytest.raises(InvalidToken, match="another API"):
            validator.validate(token)
    assert len(verified) == 2


def test_expiry_holds_for_what_was_recognised(
    make: Callable[..., TokenValidator], authority: StubAuthority, clock: ManualClock
) -> None:
    """A recognised token expires at the same second as one never seen."""
    seen, unseen, token = make(), make(cache_size=0), authority.mint()
    seen.validate(token)
    clock.advance(609)
    assert seen.validate(token) == unseen.validate(token)
    clock.advance(1)
    for validator in (seen, unseen):
        with pytest.raises(InvalidToken) as caught:
            validator.validate(token)
        assert caught.value.expired


def test_greatest_age_holds_for_what_was_recognised(
    make: Callable[..., TokenValidator], authority: StubAuthority, clock: ManualClock
) -> None:
    """A recognised token that has grown older than the policy allows is refused."""
    validator, token = make(max_age=60), authority.mint()
    validator.validate(token)
    clock.advance(71)
    with pytest.raises(InvalidToken, match="older"):
        validator.validate(token)


def test_clock_set_back_is_noticed(
    make: Callable[..., TokenValidator], authority: StubAuthority, clock: ManualClock
) -> None:
    """A recognised token is from the future again when the clock is set back before its time of issue."""
    validator, token = make(), authority.mint()
    validator.validate(token)
    clock.sleep(-60)
    with pytest.raises(InvalidToken, match="future"):
        validator.validate(token)


def test_withdrawn_key_ends_what_it_proved(
    make: Callable[..., TokenValidator], authority: StubAuthority, keys: Keys, clock: ManualClock
) -> None:
    """Once the authority has withdrawn a key, tokens it signed are refused, also those recognised."""
    validator, token = make(), authority.mint()
    validator.validate(token)
    jwk = dict(authority.jwks[0])
    authority.jwks = [jwk | {"kid": "as-2"}]
    clock.advance(301)
    with pytest.raises(InvalidToken, match="not known"):
        validator.validate(token)


def test_keys_fetched_anew_prove_anew(
    make: Callable[..., TokenValidator], authority: StubAuthority, keys: Keys, clock: ManualClock, verified: list[str]
) -> None:
    """When the authority's keys have changed, a recognised token is verified again, once."""
    validator, token = make(), authority.mint()
    validator.validate(token)
    authority.jwks.append(dict(authority.jwks[0]) | {"kid": "as-2"})
    clock.advance(301)
    validator.validate(token)
    validator.validate(token)
    assert len(verified) == 2


def test_recognised_tokens_keep_the_keys_fresh(
    make: Callable[..., TokenValidator], authority: StubAuthority, clock: ManualClock
) -> None:
    """An API that sees one token all day learns of new keys all the same, and stops when it knows none."""
    validator, token = make(), authority.mint(exp=int(clock.time()) + 200_000)
    validator.validate(token)
    clock.advance(301)
    validator.validate(token)
    assert authority.hits["/jwk"] == 2
    authority.down.update({"/jwk", "/.well-known/oauth-authorization-server"})
    clock.advance(86_400)
    with pytest.raises(KeysUnavailable):
        validator.validate(token)


def test_scopes_are_looked_at_each_time(make: Callable[..., TokenValidator], authority: StubAuthority) -> None:
    """That a token was good for one endpoint says nothing about the next."""
    validator, token = make(), authority.mint(scope="x:read")
    validator.validate(token, AllOf("x:read"))
    with pytest.raises(InsufficientScope):
        validator.validate(token, AllOf("x:write"))


def test_other_policy_judges_anew(
    make: Callable[..., TokenValidator], authority: StubAuthority, verified: list[str]
) -> None:
    """A verdict is not carried over to a policy that replaces the one it was reached under."""
    validator, token = make(), authority.mint()
    validator.validate(token)
    validator.policy = Policy(authority.issuer, "https://other.example.no/")
    with pytest.raises(InvalidToken, match="another API"):
        validator.validate(token)


def test_least_recently_used_makes_room(
    make: Callable[..., TokenValidator], authority: StubAuthority, verified: list[str]
) -> None:
    """A cache of two holds the two tokens used last, and forgets all when told to."""
    validator = make(cache_size=2)
    first, second, third = (authority.mint() for _ in range(3))
    for token in (first, second, first, third, first):
        validator.validate(token)
    assert len(verified) == 3
    validator.validate(second)
    assert len(verified) == 4
    validator.forget()
    validator.validate(second)
    assert len(verified) == 5


def test_one_request_cannot_change_what_the_next_reads(
    make: Callable[..., TokenValidator], authority: StubAuthority
) -> None:
    """What a caller does to a claim it was handed stays with that caller."""
    validator = make()
    token = authority.mint(pid="12345678901", authorization_details=[{"type": "t", "orgs": ["1"]}])
    read = validator.validate(token)
    read.claims["consumer"]["ID"] = "0192:000000000"
    read.claims["authorization_details"].clear()
    read.authorization_details[0]["orgs"].append("2")
    again = validator.validate(token)
    assert again.claims["consumer"]["ID"] == "0192:991825827"
    assert again.authorization_details == ({"type": "t", "orgs": ["1"]},)
    assert again.claims["authorization_details"] == [{"type": "t", "orgs": ["1"]}]
    assert "12345678901" not in repr(read.claims)
