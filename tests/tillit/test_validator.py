"""Good tokens, and what an API learns from them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.tillit.by_hand import compact, public_jwk
from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import (
    NO_AUDIENCE,
    AllOf,
    AnyOf,
    ConfigError,
    InsufficientScope,
    InvalidToken,
    JwksSource,
    Organisation,
    Policy,
    TokenValidator,
    check_access,
)

API = "https://api.example.no/"


@pytest.fixture
def validator(authority: StubAuthority, clock: ManualClock) -> TokenValidator:
    return TokenValidator.for_issuer(authority.issuer, API, clock=clock)


def test_standard_token_is_read(authority: StubAuthority, validator: TokenValidator) -> None:
    """An `at+jwt` token becomes an AccessToken with typed members."""
    supplier = {"authority": "iso6523-actorid-upis", "ID": "0192:889640782"}
    token = validator.validate(
        authority.mint(
            scope="x:read x:write", supplier=supplier, delegation_source="https://d.example.no/", pid="12345678901"
        )
    )

    assert token.issuer == authority.issuer
    assert token.client_id == token.subject == "client-1"
    assert token.consumer == Organisation("iso6523-actorid-upis", "0192", "991825827")
    assert token.supplier is not None
    assert token.supplier.number == "889640782"
    assert token.is_delegated
    assert token.delegation_source == "https://d.example.no/"
    assert token.scopes == {"x:read", "x:write"}
    assert token.audience == (API,)
    assert token.pid == "12345678901"
    assert token.expires_at - token.issued_at == 600
    assert token.claims["client_amr"] == token.client_amr == "private_key_jwt"


@pytest.mark.parametrize("typ", ["JWT", "jwt", None])
def test_maskinporten_token_without_audience_needs_a_decision(
    authority: StubAuthority, clock: ManualClock, typ: str | None
) -> None:
    """A classic token names no audience; it is accepted where the policy says so, and nowhere else."""
    token = authority.mint({"typ": typ}, aud=None, sub=None, token_type="Bearer")
    source = JwksSource.for_issuer(authority.issuer, clock=clock)

    for policy in (Policy(authority.issuer, NO_AUDIENCE), Policy(authority.issuer, API, accept_unaddressed=True)):
        accepted = TokenValidator(policy, source, clock=clock).validate(token)
        assert accepted.audience == ()
        assert accepted.subject is None
    with pytest.raises(InvalidToken, match="names no audience"):
        TokenValidator(Policy(authority.issuer, API), source, clock=clock).validate(token)


def test_token_for_another_api_is_refused_even_without_an_audience_of_our_own(
    authority: StubAuthority, clock: ManualClock
) -> None:
    """NO_AUDIENCE is not "any audience": RFC 7519 section 4.1.3 refuses what is addressed to somebody else."""
    validator = TokenValidator.for_issuer(authority.issuer, NO_AUDIENCE, clock=clock)
    with pytest.raises(InvalidToken, match="another API"):
        validator.validate(authority.mint({"typ": "JWT"}))


@pytest.mark.parametrize("name", ["rsa2048:RS256", "rsa2048:PS256", "p256:ES256", "p384:ES384", "ed25519:Ed25519"])
def test_each_algorithm_is_verified(authority: StubAuthority, validator: TokenValidator, keys: Keys, name: str) -> None:
    """All five algorithms of the authority are accepted, each with a key of its own."""
    attribute, alg = name.split(":")
    key = getattr(keys, attribute)
    authority.jwks = [public_jwk(key, "k-" + alg, alg)]
    header = {"alg": alg, "kid": "k-" + alg, "typ": "application/at+jwt"}
    assert validator.validate(compact(key, alg, header, authority.claims())).client_id == "client-1"


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"exp": -9}, True),
        ({"exp": -10}, False),
        ({"iat": 10}, True),
        ({"iat": 11}, False),
        ({"nbf": 10}, True),
        ({"nbf": 11}, False),
    ],
)
def test_clocks_may_be_ten_seconds_apart(
    authority: StubAuthority, validator: TokenValidator, clock: ManualClock, changes: dict[str, Any], accepted: bool
) -> None:
    """Leeway is ten seconds in both directions, and not eleven."""
    now = int(clock.time())
    times: dict[str, Any] = {"iat": now - 100, **{name: now + offset for name, offset in changes.items()}}
    token = authority.mint(**times)
    if accepted:
        validator.validate(token)
    else:
        with pytest.raises(InvalidToken):
            validator.validate(token)


def test_expiry_is_told_apart(authority: StubAuthority, validator: TokenValidator, clock: ManualClock) -> None:
    """An expired token is reported as such, because a client can mend that by itself."""
    token = authority.mint()
    clock.advance(610)
    with pytest.raises(InvalidToken) as caught:
        validator.validate(token)
    assert caught.value.expired
    assert "expired" in caught.value.challenge().headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("require", "granted"),
    [
        (AllOf("x:read"), True),
        (AllOf("x:read", "x:write"), False),
        (AnyOf("x:read", "x:write"), True),
        (AnyOf("x:write", "x:admin"), False),
        (AllOf("x:rea"), False),
    ],
)
def test_scopes_are_required_explicitly(
    authority: StubAuthority, validator: TokenValidator, require: AllOf | AnyOf, granted: bool
) -> None:
    """AllOf means every scope, AnyOf at least one, and scopes are compared whole."""
    token = authority.mint(scope="x:read y:other")
    if granted:
        assert validator.validate(token, require).scopes == {"x:read", "y:other"}
        return
    with pytest.raises(InsufficientScope) as caught:
        validator.validate(token, require)
    challenge = caught.value.challenge()
    assert challenge.status == 403
    assert 'error="insufficient_scope"' in challenge.headers["WWW-Authenticate"]
    assert f'scope="{" ".join(require.scopes)}"' in challenge.headers["WWW-Authenticate"]


def test_consumer_predicate(authority: StubAuthority, validator: TokenValidator) -> None:
    """A validated token may still be from a consumer that this API does not serve."""
    token = validator.validate(authority.mint())
    check_access(token, consumer=lambda consumer: consumer.number == "991825827")
    with pytest.raises(InsufficientScope, match="not admitted"):
        check_access(token, consumer=lambda consumer: consumer.number == "889640782")


def test_several_issuers_have_their_own_keys(authority: StubAuthority, keys: Keys, clock: ManualClock) -> None:
    """A key of one issuer proves nothing about a token of another."""
    with StubAuthority(keys.ed25519, keys.other_p256, clock) as second:
        sources = {stub.issuer: JwksSource.for_issuer(stub.issuer, clock=clock) for stub in (authority, second)}
        validator = TokenValidator(Policy(sources, API), sources, clock=clock)

        assert validator.validate(authority.mint()).issuer == authority.issuer
        assert validator.validate(second.mint()).issuer == second.issuer
        with pytest.raises(InvalidToken, match="signature"):
            validator.validate(second.mint(iss=authority.issuer))


def test_asynchronous_validation_is_the_same(authority: StubAuthority, validator: TokenValidator) -> None:
    """Avalidate gives what validate gives, and fetches the keys once for many tasks."""
    text = authority.mint()

    async def main() -> None:
        tokens = await asyncio.gather(*(validator.avalidate(text, AllOf("x:read")) for _ in range(100)))
        assert set(tokens) == {validator.validate(text)}
        with pytest.raises(InsufficientScope):
            await validator.avalidate(text, AllOf("x:write"))

    asyncio.run(main())
    assert authority.hits["/jwk"] == 1


@pytest.mark.parametrize(
    ("identifier", "icd", "number", "suffix"),
    [
        ("0192:991825827", "0192", "991825827", ""),
        ("0192:991825827:ER//987464291:1", "0192", "991825827", "ER//987464291:1"),
        ("NTRNO-555555555", "", "NTRNO-555555555", ""),
    ],
)
def test_organisation_identifiers(identifier: str, icd: str, number: str, suffix: str) -> None:
    """Identifiers are taken apart and put together again without loss."""
    organisation = Organisation.parse({"authority": "iso6523-actorid-upis", "ID": identifier})
    assert (organisation.icd, organisation.number, organisation.suffix) == (icd, number, suffix)
    assert organisation.id == identifier


@pytest.mark.parametrize(
    "claim", [None, "0192:1", {}, {"authority": "a"}, {"authority": "a", "ID": ":1"}, {"ID": "x:"}]
)
def test_what_is_no_organisation(claim: object) -> None:
    """Anything else is refused, never guessed."""
    with pytest.raises(ValueError, match="not an organisation"):
        Organisation.parse(claim)


def test_policies_that_cannot_be_meant() -> None:
    """Empty issuers or audiences, unknown algorithms and types, and scopes that nobody can have are errors."""
    with pytest.raises(ConfigError):
        Policy([], API)
    with pytest.raises(ConfigError):
        Policy("i", [])
    with pytest.raises(ConfigError):
        Policy("i", "")
    with pytest.raises(ConfigError):
        Policy("i", API, algorithms=["HS256"])
    with pytest.raises(ConfigError):
        Policy("i", API, algorithms=["none"])
    with pytest.raises(ConfigError):
        Policy("i", API, token_types=["id+jwt"])
    with pytest.raises(ConfigError):
        Policy("i", API, leeway=-1)
    with pytest.raises(ConfigError):
        TokenValidator(Policy(["i", "j"], API), {})
    for names in ((), ("a b",), ("",)):
        with pytest.raises(ConfigError):
            AllOf(*names)
        with pytest.raises(ConfigError):
            AnyOf(*names)
