"""Tokens for testing an API without any authority: the good ones are good, and the wrong ones are refused."""

from __future__ import annotations

import pytest

from tillit import AccessError, AllOf, InvalidToken
from tillit.testing import ManualClock, SigningKeys, TokenFactory, WrongToken

KEYS = SigningKeys()


def factory(profile: str = "standard") -> TokenFactory:
    if profile == "maskinporten":
        return TokenFactory(profile="maskinporten", audience=None, keys=KEYS, clock=ManualClock())
    return TokenFactory(keys=KEYS, clock=ManualClock())


def test_a_token_says_what_was_asked_of_it() -> None:
    """Scopes, parties, audience and further claims of a token are those that the call names."""
    tokens = factory()
    text = tokens(["x:read", "x:write"], consumer="310000027", supplier="310000019", pid="12345678901", colour="red")
    found = tokens.validator().validate(text, AllOf("x:read", "x:write"))
    assert found.supplier is not None
    assert (found.consumer.number, found.supplier.number) == ("310000027", "310000019")
    assert (found.pid, found.claims["colour"]) == ("12345678901", "red")
    other = tokens("x:read", audience="https://other.example.no/")
    assert tokens.validator("https://other.example.no/").validate(other).audience == ("https://other.example.no/",)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "Ed25519"])
def test_a_token_is_signed_with_the_algorithm_asked_for(alg: str) -> None:
    """Every algorithm gives a token that the validator takes."""
    tokens = factory()
    assert tokens.validator().validate(tokens("x:read", alg=alg)).scopes == {"x:read"}


def test_tokens_age_on_the_clock_they_are_given() -> None:
    """A token is good for its lifetime on a manual clock, and one that is made `expired` never is."""
    tokens = factory()
    validator, text = tokens.validator(), tokens("x:read", lifetime=300)
    assert isinstance(tokens.clock, ManualClock)
    tokens.clock.advance(299)
    validator.validate(text)
    tokens.clock.advance(11)
    with pytest.raises(InvalidToken):
        validator.validate(text)
    with pytest.raises(InvalidToken):
        validator.validate(tokens("x:read", expired=True))


async def test_validators_need_no_network_when_awaited_either() -> None:
    """`avalidate` finds the keys as `validate` does."""
    tokens = factory()
    assert (await tokens.validator().avalidate(tokens("x:read"))).consumer.number == "991825827"


WRONG = [(profile, wrong) for profile in ("standard", "maskinporten") for wrong in factory(profile).wrong("x:read")]


@pytest.mark.parametrize(("profile", "wrong"), WRONG, ids=str)
def test_a_wrong_token_is_refused(profile: str, wrong: WrongToken) -> None:
    """Every wrong token is refused with the status that it names."""
    with pytest.raises(AccessError) as caught:
        factory(profile).validator().validate(wrong.token, AllOf("x:read"))
    assert caught.value.challenge().status == wrong.status


def test_wrong_tokens_are_wrong_in_one_thing_only() -> None:
    """What they are made from is good, and each has a name of its own."""
    tokens = factory()
    tokens.validator().validate(tokens("x:read"), AllOf("x:read"))
    names = [str(wrong) for wrong in tokens.wrong("x:read")]
    assert len(names) == len(set(names)) >= 25


def test_no_token_is_shown() -> None:
    """A failing test that prints a wrong token prints its name alone."""
    wrong = factory().wrong("x:read")[0]
    assert wrong.token not in repr(wrong)
    assert wrong.headers == {"Authorization": f"Bearer {wrong.token}"}
