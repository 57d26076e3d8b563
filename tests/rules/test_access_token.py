"""The claims of access tokens and the body that carries them (R-026, R-071, R-084, R-085; RFC 9068 §2.2)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import access_token
from authserver.oauth.authorization import Authorization
from authserver.oauth.profiles import TOKEN_PROFILES
from tests.support.build import CLIENT_ID, CONSUMER, ISSUER, NOW, SCOPE, SUPPLIER

STANDARD, MASKINPORTEN = TOKEN_PROFILES["standard"], TOKEN_PROFILES["maskinporten"]
OWN = Authorization(
    client_id=CLIENT_ID,
    client_orgno=CONSUMER,
    consumer_orgno=CONSUMER,
    supplier_orgno=None,
    delegation_source=None,
    delegation_ids=(),
    scopes=(SCOPE, "tax:second"),
    audience=(f"{ISSUER}api/tax",),
    profile=STANDARD,
    expires_at=NOW + 600,
    pid=None,
)
DELEGATED = replace(
    OWN, client_orgno=SUPPLIER, supplier_orgno=SUPPLIER, delegation_source=ISSUER, delegation_ids=("d-1",)
)
CONSUMER_CLAIM = {"authority": "iso6523-actorid-upis", "ID": f"0192:{CONSUMER}"}
SUPPLIER_CLAIM = {"authority": "iso6523-actorid-upis", "ID": f"0192:{SUPPLIER}"}


def claims(authorization: Authorization, **changes: Any) -> dict[str, Any]:
    return access_token.claims(replace(authorization, **changes), ISSUER, NOW, "token-1")


def test_a_standard_token_is_that_of_rfc_9068_with_the_parties() -> None:
    """Design §3: exactly these claims and no others."""
    assert claims(OWN) == {
        "iss": ISSUER,
        "sub": CLIENT_ID,
        "client_id": CLIENT_ID,
        "client_amr": "private_key_jwt",
        "aud": f"{ISSUER}api/tax",
        "scope": f"{SCOPE} tax:second",
        "consumer": CONSUMER_CLAIM,
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "token-1",
    }


def test_a_maskinporten_token_has_exactly_the_published_claims() -> None:
    """Maskinporten's tokens have token_type, no sub, and no aud unless asked for."""
    assert claims(OWN, profile=MASKINPORTEN, audience=()) == {
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "client_amr": "private_key_jwt",
        "token_type": "Bearer",
        "scope": f"{SCOPE} tax:second",
        "consumer": CONSUMER_CLAIM,
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "token-1",
    }


@pytest.mark.parametrize("profile", [STANDARD, MASKINPORTEN], ids=lambda profile: profile.name)
def test_delegation_adds_supplier_and_source(profile: Any) -> None:
    """R-071: supplier and delegation_source stand in a token exactly when it is delegated."""
    own, delegated = claims(OWN, profile=profile), claims(DELEGATED, profile=profile)
    assert delegated == own | {"supplier": SUPPLIER_CLAIM, "delegation_source": ISSUER}


def test_a_standard_token_names_the_status_of_its_delegation() -> None:
    """draft-ietf-oauth-status-list-17 §6.1: the list and the place in it; nothing where there is none."""
    assert claims(DELEGATED, status_index=2**20 + 7)["status"] == {
        "status_list": {"idx": 7, "uri": f"{ISSUER}status-lists/1"}
    }
    assert "status" not in claims(DELEGATED)
    assert "status" not in claims(DELEGATED, profile=MASKINPORTEN, status_index=7)


@pytest.mark.parametrize(
    ("audience", "aud"),
    [(("urn:a",), "urn:a"), (("urn:a", "urn:b"), ["urn:a", "urn:b"])],
    ids=["one-is-text", "several-are-an-array"],
)
def test_the_audience_is_text_or_an_array(audience: tuple[str, ...], aud: Any) -> None:
    """RFC 7519 §4.1.3: a single audience is text."""
    assert claims(OWN, profile=MASKINPORTEN, audience=audience)["aud"] == aud


def test_the_person_stands_in_the_token_when_asked() -> None:
    """A token for one person carries the pid that was asked for."""
    assert claims(OWN, pid="01018012345") == claims(OWN) | {"pid": "01018012345"}


REQUIRED_BY_RFC_9068 = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}


@given(
    st.sampled_from([OWN, DELEGATED]),
    st.integers(1, 3600),
    st.lists(st.sampled_from(["tax:a", "tax:b", "nav:c"]), min_size=1, unique=True).map(tuple),
    st.none() | st.just("01018012345"),
)
def test_every_standard_token_has_what_rfc_9068_requires(
    authorization: Authorization, life: int, scopes: tuple[str, ...], pid: str | None
) -> None:
    """R-026: whatever was authorized, the required members are there with their types."""
    token = claims(authorization, expires_at=NOW + life, scopes=scopes, pid=pid)
    assert token.keys() >= REQUIRED_BY_RFC_9068
    assert all(isinstance(token[name], str) and token[name] for name in ("iss", "aud", "sub", "client_id", "jti"))
    assert all(type(token[name]) is int for name in ("iat", "exp"))
    assert token["scope"].split(" ") == list(scopes)
    assert ("supplier" in token) is ("delegation_source" in token) is (authorization is DELEGATED)
    assert token["sub"] != token.get("pid")


def test_the_body_has_exactly_four_members() -> None:
    """Design §3, R-085: strict clients refuse a fifth, and there is never a refresh token."""
    body = access_token.response("a.b.c", OWN, NOW)
    assert body == {
        "access_token": "a.b.c",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": f"{SCOPE} tax:second",
    }
    assert type(body["expires_in"]) is int
