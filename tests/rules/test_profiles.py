"""Profiles and limits as the design's tables state them, and the metadata that advertises them (RFC 8414 §2)."""

import pytest

from authserver.oauth import limits
from authserver.oauth.metadata import metadata
from authserver.oauth.models import (
    Client,
    Delegation,
    Organisation,
    Prefix,
    Record,
    Ref,
    Scope,
    ScopeAccess,
)
from authserver.oauth.profiles import (
    CLIENT_CREDENTIALS,
    JWT_BEARER,
    REQUEST_PROFILES,
    TOKEN_PROFILES,
    RequestProfile,
    TokenProfile,
)
from authserver.oauth.signed_token import SignedToken
from authserver.oauth.unavailable import Unavailable


def test_the_request_profiles_are_those_of_the_design() -> None:
    """Design §3: grants, algorithms, jti, times."""
    assert dict(REQUEST_PROFILES) == {
        "standard": RequestProfile(
            name="standard",
            grants=frozenset({JWT_BEARER, CLIENT_CREDENTIALS}),
            algorithms=frozenset({"RS256", "PS256", "ES256", "ES384", "Ed25519"}),
            jti_required=True,
            float_times=False,
            life=120,
            age=130,
        ),
        "maskinporten": RequestProfile(
            name="maskinporten",
            grants=frozenset({JWT_BEARER}),
            algorithms=frozenset({"RS256", "RS384", "RS512"}),
            jti_required=False,
            float_times=True,
            life=180,
            age=None,
        ),
    }


def test_the_token_profiles_are_those_of_the_design() -> None:
    """Design §3: algorithm, typ, RFC 9068 or not, default life."""
    assert dict(TOKEN_PROFILES) == {
        "standard": TokenProfile("standard", "ES256", "at+jwt", rfc9068=True, life=600),
        "maskinporten": TokenProfile("maskinporten", "RS256", "JWT", rfc9068=False, life=120),
    }


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("BODY_BYTES", 65_536),
        ("HEADER_BLOCK_BYTES", 16_384),
        ("ASSERTION_BYTES", 8_192),
        ("ASSERTION_WITH_X5C_BYTES", 24_576),
        ("JOSE_HEADER_BYTES", 4_096),
        ("JOSE_HEADER_WITH_X5C_BYTES", 20_480),
        ("CLAIMS_BYTES", 8_192),
        ("JSON_DEPTH", 8),
        ("JSON_MEMBERS", 64),
        ("JSON_INTEGER", 9_007_199_254_740_991),
        ("KID_CHARS", 128),
        ("JTI_CHARS", 256),
        ("CLOCK_SKEW", 10),
        ("REPLAY_MARGIN", 30),
        ("TOKEN_LIFE_CEILING", 3_600),
        ("MAX_KEYS_PER_CLIENT", 5),
        ("KEY_LIFE", 31_536_000),
        ("RSA_BITS_LEAST", 2_048),
        ("RSA_BITS_MOST", 4_096),
        ("RSA_EXPONENT", 65_537),
        ("LONGEST_ASSERTION_MEMORY", 230),
    ],
)
def test_the_limits_are_those_of_the_policy(limit: str, value: int) -> None:
    """Each number of the policy stands in the one table."""
    assert getattr(limits, limit) == value


@pytest.mark.parametrize("issuer", ["https://auth.example/", "https://auth.example"])
def test_metadata_describes_a_standard_authority(issuer: str) -> None:
    """RFC 8414 §2: the issuer exactly as it is named, every endpoint below it, and only what is enforced."""
    assert metadata(issuer, "standard") == {
        "issuer": issuer,
        "token_endpoint": "https://auth.example/token",
        "jwks_uri": "https://auth.example/jwk",
        "grant_types_supported": [JWT_BEARER, CLIENT_CREDENTIALS],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "ES384", "Ed25519", "PS256", "RS256"],
        "profile": "standard",
    }


def test_metadata_of_a_maskinporten_authority_names_what_its_clients_know() -> None:
    """Maskinporten's one grant and its three algorithms are advertised, in its order."""
    described = metadata("https://auth.example/", "maskinporten")
    assert described["grant_types_supported"] == [JWT_BEARER]
    assert described["token_endpoint_auth_signing_alg_values_supported"] == ["RS256", "RS384", "RS512"]
    assert described["profile"] == "maskinporten"


@pytest.mark.parametrize(
    ("record", "ref"),
    [
        (Organisation("1", "One"), Ref("organisation", "1")),
        (Prefix("tax", "1"), Ref("prefix", "tax")),
        (Scope("tax:read", "tax", "1"), Ref("scope", "tax:read")),
        (ScopeAccess("tax:read", "2", "APPROVED"), Ref("access", "tax:read", "2")),
        (Client("c", "1"), Ref("client", "c")),
        (Delegation("d", "1", "2", frozenset(), 0, 1), Ref("delegations", "1", "2")),
    ],
)
def test_every_record_knows_the_name_under_which_it_changes(record: Record, ref: Ref) -> None:
    """A snapshot that is told of a change by name drops exactly the record that changed."""
    assert record.ref == ref


def test_a_token_does_not_show_itself() -> None:
    """A signed token is a credential and has no telling representation."""
    assert "a.b.c" not in repr(SignedToken("a.b.c", "kid"))


def test_an_unavailable_part_says_which_and_how_surely() -> None:
    """A part that fails names itself, and whether it is certain that nothing changed."""
    assert (Unavailable("store").part, Unavailable("store").certain) == ("store", True)
    assert str(Unavailable("store", certain=False)) == "store"
