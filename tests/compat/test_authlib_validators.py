"""Authlib as an independent reader: RFC 9068 on our access tokens, RFC 8414 on our metadata."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

from tests.support.authority import Authority, running
from tests.support.registrar import RegisteredClient

API = "https://api.example/income"


class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
    """Authlib's validator with the one method that its users write."""

    def get_jwks(self) -> KeySet:
        """Follow the metadata to the keys, as the class documents."""
        metadata = httpx2.get(f"{self.issuer}.well-known/oauth-authorization-server").json()
        return KeySet.import_key_set(httpx2.get(metadata["jwks_uri"]).json())


def guard(authority: Authority, audience: str = API) -> Any:
    """Return Authlib's resource protector for one API."""
    protector = ResourceProtector()
    protector.register_token_validator(Validator(issuer=authority.issuer, resource_server=audience))
    return protector


def call(token: str) -> Any:
    """Return a request that carries a token."""
    return SimpleNamespace(headers={"Authorization": f"Bearer {token}"})


def test_authlib_accepts_a_standard_token_as_rfc_9068(standard: Authority, client: RegisteredClient) -> None:
    """A standard token passes Authlib's RFC 9068 validator for its audience and its scope."""
    claims = guard(standard).validate_request([client.scopes[0]], call(standard.token(client).token))
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["aud"] == API


def test_authlib_holds_a_token_to_its_audience_and_scope(standard: Authority, client: RegisteredClient) -> None:
    """Authlib refuses the token at another API, and for a scope that it does not carry."""
    request = call(standard.token(client).token)
    with pytest.raises(InvalidTokenError):
        guard(standard, "https://other.example/").validate_request([client.scopes[0]], request)
    with pytest.raises(InsufficientScopeError):
        guard(standard).validate_request(["other:scope"], request)


def test_authlib_refuses_a_maskinporten_token_as_rfc_9068(maskinporten: Authority, classic: RegisteredClient) -> None:
    """A token of profile maskinporten does not claim to be RFC 9068, and Authlib's validator refuses it."""
    token = maskinporten.token(classic, resource=API).token
    with pytest.raises(InvalidTokenError):
        guard(maskinporten).validate_request([classic.scopes[0]], call(token))


@pytest.fixture(scope="module", params=["standard", "maskinporten"])
def metadata(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Authlib's model of the metadata of an authority that is known by https, as behind a proxy."""
    settings = {"issuer": "https://authority.example/", "profile": request.param}
    with running(tmp_path_factory.mktemp("https"), **settings) as authority:
        yield AuthorizationServerMetadata(authority.get("/.well-known/oauth-authorization-server").json)


def complaints(metadata: Any) -> dict[str, str]:
    """Validate member by member, and return each complaint under the member's name."""
    found = {}
    for member in AuthorizationServerMetadata.REGISTRY_KEYS:
        try:
            getattr(metadata, f"validate_{member}")()
        except ValueError as complaint:
            found[member] = str(complaint)
    return found


def test_authlibs_one_complaint_is_that_we_have_no_response_types(metadata: Any) -> None:
    """Authlib finds all metadata right but the empty list of response types of a server without that endpoint."""
    assert complaints(metadata) == {"response_types_supported": '"response_types_supported" is required'}
    assert metadata["response_types_supported"] == []
    assert "authorization_endpoint" not in metadata


def test_authlib_validates_the_whole_once_a_response_type_stands_there(metadata: Any) -> None:
    """Nothing else hides behind that complaint: with any response type, Authlib validates the document as a whole."""
    AuthorizationServerMetadata({**metadata, "response_types_supported": ["none"]}).validate()
