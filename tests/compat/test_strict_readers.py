"""What strict clients and validators of Maskinporten read beside the token: metadata, keys, the token's own form."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from tests.compat.readers import FOUR, payload, strict_object
from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient

WELL_KNOWN = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
B64U = re.compile(r"[A-Za-z0-9_-]+")


def header(token: str) -> dict[str, Any]:
    """Read the header of a compact JWS."""
    segment = token.split(".", maxsplit=1)[0]
    members: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return members


def test_both_well_known_addresses_tell_the_same(maskinporten: Authority) -> None:
    """Texas reads either address, and finds the same issuer and endpoints below it in both."""
    documents = [maskinporten.get(path) for path in WELL_KNOWN]
    assert [document.status for document in documents] == [200, 200]
    assert documents[0].json == documents[1].json
    assert documents[0].json["issuer"] == maskinporten.issuer
    assert documents[0].json["token_endpoint"].startswith(maskinporten.issuer)


def test_the_token_endpoint_is_where_clients_build_its_address(maskinporten: Authority) -> None:
    """Clients that append /token and /jwk to the issuer's host, instead of reading the metadata, arrive there too."""
    metadata = maskinporten.get(WELL_KNOWN[0]).json
    host = f"http://127.0.0.1:{maskinporten.port}"
    assert (metadata["token_endpoint"], metadata["jwks_uri"]) == (f"{host}/token", f"{host}/jwk")


def test_the_metadata_is_that_of_maskinporten(maskinporten: Authority) -> None:
    """Grant type, authentication method and algorithms are those that Maskinporten's own metadata names."""
    metadata = maskinporten.get(WELL_KNOWN[0]).json
    assert metadata["grant_types_supported"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["RS256", "RS384", "RS512"]


@pytest.mark.parametrize("path", ["/jwk", "/jwks", "/.well-known/jwks.json"])
def test_the_key_set_holds_nothing_that_a_strict_reader_trips_over(maskinporten: Authority, path: str) -> None:
    """Under the maskinporten profile every key is RSA with kid, use and alg, in public members only."""
    answer = maskinporten.get(path)
    (keys,) = strict_object(answer.body, {"keys"}).values()
    members = [dict(key) for key in keys]
    assert members
    assert {(key["kty"], key["use"], key["alg"]) for key in members} == {("RSA", "sig", "RS256")}
    assert {frozenset(key) for key in members} == {frozenset({"kty", "use", "alg", "kid", "n", "e"})}
    assert all(B64U.fullmatch(key[name]) for key in members for name in ("kid", "n", "e"))


def test_the_key_set_of_the_standard_profile_serves_both_kinds_of_token(standard: Authority) -> None:
    """Under the standard profile each key is named, bound to one algorithm and meant for signatures."""
    keys = standard.get("/jwk").json["keys"]
    assert {(key["kty"], key["alg"]) for key in keys} >= {("RSA", "RS256"), ("EC", "ES256")}
    assert all(key["use"] == "sig" and key["kid"] for key in keys)


def test_a_maskinporten_token_has_the_claims_that_its_validators_require(
    maskinporten: Authority, classic: RegisteredClient
) -> None:
    """The token is an RS256 JWS of type JWT, named by a published key, with exactly Maskinporten's claims."""
    token = maskinporten.token(classic).token
    (key,) = maskinporten.get("/jwk").json["keys"]
    assert header(token) == {"alg": "RS256", "kid": key["kid"], "typ": "JWT"}
    claims = payload(token)
    required = {"iss", "client_id", "client_amr", "consumer", "scope", "token_type", "iat", "exp", "jti"}
    assert set(claims) == required
    assert (claims["iss"], claims["client_amr"], claims["token_type"]) == (
        maskinporten.issuer,
        "private_key_jwt",
        "Bearer",
    )
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", claims["jti"])


def test_a_success_has_four_members_and_is_not_cached(maskinporten: Authority, classic: RegisteredClient) -> None:
    """The success body has exactly four members, its lifetime is the token's, and no cache may keep it."""
    answer = maskinporten.token(classic)
    body = strict_object(answer.body, FOUR)
    claims = payload(body["access_token"])
    assert body["expires_in"] == claims["exp"] - claims["iat"] == 120
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
