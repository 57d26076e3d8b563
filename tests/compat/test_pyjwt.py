"""PyJWT as a validator: PyJWKClient fetches our keys by `kid`, `decode` judges our tokens."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient

API = "https://api.example/income"
REQUIRED = ["iss", "exp", "iat", "jti", "client_id", "scope"]


def decode(authority: Authority, token: str, **options: Any) -> dict[str, Any]:
    """Validate a token as an API provider does, with keys from the authority's key set."""
    keys = jwt.PyJWKClient(f"{authority.issuer}jwk")
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, issuer=authority.issuer, options={"require": REQUIRED}, **options)


def test_pyjwt_accepts_a_standard_token(standard: Authority, client: RegisteredClient) -> None:
    """PyJWT validates a standard token: ES256, our issuer, the scope's audience."""
    token = standard.token(client).token
    assert decode(standard, token, algorithms=["ES256"], audience=API)["sub"] == client.id
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


def test_pyjwt_accepts_a_maskinporten_token(maskinporten: Authority, classic: RegisteredClient) -> None:
    """PyJWT validates a token of profile maskinporten: RS256, and no audience where none was asked for."""
    token = maskinporten.token(classic).token
    claims = decode(maskinporten, token, algorithms=["RS256"])
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{classic.orgno}"}
    assert "aud" not in claims
    assert "sub" not in claims


def test_pyjwt_holds_a_token_to_its_audience(maskinporten: Authority, classic: RegisteredClient) -> None:
    """PyJWT accepts the audience that was asked for, and no other."""
    token = maskinporten.token(classic, resource=[API]).token
    assert decode(maskinporten, token, algorithms=["RS256"], audience=API)["aud"] == API
    with pytest.raises(jwt.InvalidAudienceError):
        decode(maskinporten, token, algorithms=["RS256"], audience="https://other.example/")


def test_pyjwt_does_not_find_the_key_of_another_authority(
    standard: Authority, maskinporten: Authority, classic: RegisteredClient
) -> None:
    """A token of one authority names a key that another authority's key set does not hold."""
    with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
        decode(standard, maskinporten.token(classic).token, algorithms=["RS256"])
